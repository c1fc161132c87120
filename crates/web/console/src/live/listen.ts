// The node's stream of what is committed, of one owner or of everybody.

import { url } from "../api/client";
import type { LiveStatus } from "../api/types";
import { parseExact } from "../pure/exact";

export interface Listener {
  status: (row: LiveStatus) => void;
  /** The node left out so many, because they came faster than they were sent; null: nobody counted. */
  lagged: (dropped: number | null) => void;
  opened?: () => void;
  failed?: () => void;
}

/** A stream that was refused (too many listen, a proxy has no node) is asked for again after this and
 *  up to twice of it; one that broke off the browser itself opens again. */
const AGAIN_MS = 5_000;

/** Listens until the returned function is called. */
export function listen(owner: string, subOwner: string, listener: Listener): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(url("/api/v1/stream", { owner_id: owner, sub_owner_id: subOwner }));
    source.onopen = () => listener.opened?.();
    source.onerror = () => {
      listener.failed?.();
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS * (1 + Math.random()));
    };
    source.addEventListener("status", (event) => listener.status(parseExact(event.data) as LiveStatus));
    source.addEventListener("lagged", (event) => {
      const { of, dropped } = JSON.parse(event.data) as { of: string; dropped: number | null };
      if (of === "status") listener.lagged(dropped);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
