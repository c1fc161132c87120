// What the node commits, as it commits it. Rows come faster than anybody reads, so that they are shown
// a few times a second, and only the newest.

import type { LiveStatus } from "../api/types";
import { listen } from "./listen";
import { session } from "./session.svelte";

/** Rows that stay on the page. */
const SHOWN = 200;
/** Between two looks at what came. */
const FLUSH_MS = 250;

/** A row with a key of its own: two generations of a hub may have the same place. */
export interface ShownStatus extends LiveStatus {
  key: number;
}

export class LiveStream {
  rows = $state.raw<ShownStatus[]>([]);
  /** Rows that came since the page was opened. */
  came = $state(0);
  /** That the node left out because they came faster than they were sent. */
  dropped = $state(0);
  connected = $state(false);
  paused = $state(false);
  /** Rows that came while it was paused. */
  waiting = $state(0);
  #buffer: ShownStatus[] = [];
  #key = 0;

  /** Listens until the returned function is called: what an `$effect` wants. */
  follow(owner: string, subOwner: string): () => void {
    const close = listen(owner, subOwner, {
      status: (row) => this.#heard(row),
      lagged: (dropped) => (this.dropped += dropped ?? 0),
      opened: () => (this.connected = true),
      failed: () => {
        this.connected = false;
        // The browser does not tell why; that the session has ended, asking for it does.
        void session.load();
      },
    });
    const timer = setInterval(() => this.#flush(), FLUSH_MS);
    [this.rows, this.#buffer, this.came, this.dropped, this.waiting] = [[], [], 0, 0, 0];
    return () => {
      clearInterval(timer);
      close();
    };
  }

  toggle(): void {
    this.paused = !this.paused;
    this.#flush();
  }

  #heard(row: LiveStatus): void {
    this.#key += 1;
    this.#buffer.unshift({ ...row, key: this.#key });
    if (this.#buffer.length > 2 * SHOWN) this.#buffer.length = SHOWN;
    this.came += 1;
    if (this.paused) this.waiting += 1;
  }

  #flush(): void {
    if (this.paused || this.#buffer.length === 0) return;
    this.rows = [...this.#buffer, ...this.rows].slice(0, SHOWN);
    [this.#buffer, this.waiting] = [[], 0];
  }
}
