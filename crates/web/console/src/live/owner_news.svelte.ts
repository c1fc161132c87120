// What one owner sends, as it is committed, so that its page need not wait for its next poll.

import type { LiveStatus } from "../api/types";
import { laterOf } from "../pure/later";
import { listen } from "./listen";

/** Between two times that the page is told. */
export const FLUSH_MS = 250;

/** The sub-owners that sent; null where the node left some out. */
export type Senders = ReadonlySet<string> | null;

interface Heard {
  row: LiveStatus;
  /** By number, the flush with which it came. */
  flush: number;
}

export class OwnerNews {
  /** By sub-owner, the latest of the statuses that came and were not read since. */
  #newest = $state.raw<ReadonlyMap<string, Heard>>(new Map());
  #flushes = 0;
  #came: LiveStatus[] = [];
  #missed = false;
  #followers = new Set<(senders: Senders) => void>();

  /** Listens until the returned function is called: what an `$effect` wants. */
  follow(owner: string): () => void {
    let close: (() => void) | undefined;
    // A browser has few connections to a node, for all its tabs together: one that nobody looks at
    // shall not keep one. It polls as soon as somebody does.
    const attend = () => {
      close?.();
      close = document.hidden ? undefined : listen(owner, "", {
        status: (row) => this.#came.push(row),
        lagged: () => (this.#missed = true),
      });
    };
    const timer = setInterval(() => this.#flush(), FLUSH_MS);
    document.addEventListener("visibilitychange", attend);
    [this.#newest, this.#came, this.#missed] = [new Map(), [], false];
    attend();
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", attend);
      close?.();
    };
  }

  newestOf(sub: string): LiveStatus | undefined {
    return this.#newest.get(sub)?.row;
  }

  /** To be called before something is read; the function that is returned, once it was: what had
   *  come by then is in it, or is no more. */
  reading(): () => void {
    const until = this.#flushes;
    return () => {
      this.#newest = new Map([...this.#newest].filter(([, { flush }]) => flush > until));
    };
  }

  /** Tells who sent, a few times a second, until the returned function is called. */
  onNews(follower: (senders: Senders) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  #flush(): void {
    if (this.#came.length === 0 && !this.#missed) return;
    this.#flushes += 1;
    const newest = new Map(this.#newest);
    for (const row of this.#came) {
      const before = newest.get(row.sub_owner_id);
      if (laterOf(before?.row, row) === row) newest.set(row.sub_owner_id, { row, flush: this.#flushes });
    }
    const senders = this.#missed ? null : new Set(this.#came.map((row) => row.sub_owner_id));
    [this.#newest, this.#came, this.#missed] = [newest, [], false];
    for (const tell of this.#followers) tell(senders);
  }
}
