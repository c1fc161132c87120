// The pages. A new one is a line here: its path, its letter behind `g`, its place in the navigation.

import type { Component } from "svelte";
import type { Role } from "./api/types";
import { overview } from "./live/overview.svelte";
import Access from "./pages/Access.svelte";
import Approvals from "./pages/Approvals.svelte";
import Audit from "./pages/Audit.svelte";
import DeadLetters from "./pages/DeadLetters.svelte";
import Events from "./pages/Events.svelte";
import Live from "./pages/Live.svelte";
import Nodes from "./pages/Nodes.svelte";
import Overview from "./pages/Overview.svelte";
import Owner from "./pages/Owner.svelte";
import Owners from "./pages/Owners.svelte";
import Partitions from "./pages/Partitions.svelte";
import Settings from "./pages/Settings.svelte";
import { match, type Params } from "./pure/pattern";

export interface PageEntry {
  path: string;
  title: string;
  component: Component<any>;
  /** `g` and this letter open it. */
  letter?: string;
  /** In the navigation, with a number beside it where there is one to mind. */
  nav?: true;
  count?: () => number | null | undefined;
  /** Who may open it, where not everybody may. */
  role?: Role;
}

export const pages: PageEntry[] = [
  { path: "/", title: "Overview", letter: "h", nav: true, component: Overview },
  { path: "/owners", title: "Owners", letter: "o", nav: true, component: Owners, count: () => overview.past.owners?.at(-1)?.value },
  { path: "/owners/:id", title: "Owner", component: Owner },
  { path: "/approvals", title: "Approvals", letter: "w", nav: true, component: Approvals, count: () => overview.summary.data?.owners.pending },
  { path: "/live", title: "Live", letter: "v", nav: true, component: Live },
  { path: "/partitions", title: "Partitions", letter: "p", nav: true, component: Partitions },
  { path: "/nodes", title: "Nodes", letter: "n", nav: true, component: Nodes },
  { path: "/dead-letters", title: "Dead letters", letter: "d", nav: true, component: DeadLetters, count: () => overview.summary.data?.dead_letters },
  { path: "/events", title: "Events", letter: "e", nav: true, component: Events },
  { path: "/access", title: "Access", letter: "a", nav: true, component: Access, role: "admin" },
  { path: "/settings", title: "Settings", letter: "s", nav: true, component: Settings, role: "admin" },
  { path: "/audit", title: "Audit log", letter: "l", nav: true, component: Audit, role: "admin" },
];

export function pageAt(path: string): { page: PageEntry; params: Params } | null {
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params };
  }
  return null;
}

/** Whether the navigation's entry is the one that a path belongs to. */
export function holds(page: PageEntry, path: string): boolean {
  return page.path === "/" ? path === "/" : path === page.path || path.startsWith(`${page.path}/`);
}
