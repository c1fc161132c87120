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

/** Listens until the returned function is called. */
export function listen(owner: string, subOwner: string, listener: Listener): () => void {
  const source = new EventSource(url("/api/v1/stream", { owner_id: owner, sub_owner_id: subOwner }));
  source.onopen = () => listener.opened?.();
  source.onerror = () => listener.failed?.();
  source.addEventListener("status", (event) => listener.status(parseExact(event.data) as LiveStatus));
  source.addEventListener("lagged", (event) => {
    const { of, dropped } = JSON.parse(event.data) as { of: string; dropped: number | null };
    if (of === "status") listener.lagged(dropped);
  });
  return () => source.close();
}
