// Asks again and again. What was answered last stays while the node is away; whether it is stale
// is said beside it.

import { Problem } from "../api/problem";
import { connection } from "./connection.svelte";
import { pause, pauseForNews } from "./pause";

export const PERIOD_MS = 2_000;

export class Poll<T> {
  data = $state.raw<T>();
  fault = $state.raw<unknown>();
  /** What is shown is the answer to an earlier question. */
  pending = $state(true);
  #again: () => void = () => {};
  #hint: () => void = () => {};

  constructor(readonly period = PERIOD_MS) {}

  /** What the page itself has to say: that the node is away, the banner says where there are data. */
  get refusal(): unknown {
    const refused = this.fault instanceof Problem && !this.fault.passing;
    return refused || this.data === undefined ? this.fault : undefined;
  }

  /** Asks until the returned function is called: what an `$effect` wants. */
  follow(ask: (signal: AbortSignal) => Promise<T>, heard?: (data: T | undefined) => void): () => void {
    const round = new Round(this, ask, heard);
    this.#again = () => round.again();
    this.#hint = () => round.hint();
    const stopWaking = connection.onRecovery(() => round.wake());
    this.pending = true;
    void round.run();
    return () => {
      stopWaking();
      round.stop();
    };
  }

  /** Asks at once, where something was just changed. */
  refresh(): void {
    this.#again();
  }

  /** Asks soon, where something came by itself; as often as it comes. */
  hint(): void {
    this.#hint();
  }
}

class Round<T> {
  #ended = new AbortController();
  #failures = 0;
  #took = 0;
  /** Somebody wants a newer answer than the one that is on its way. */
  #woken = false;
  #hinted = false;
  #wake: () => void = () => {};
  #hasten: () => void = () => {};

  constructor(
    readonly poll: Poll<T>,
    readonly ask: (signal: AbortSignal) => Promise<T>,
    readonly heard?: (data: T | undefined) => void,
  ) {}

  async run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      await this.#once();
      await this.#rest();
    }
  }

  stop(): void {
    this.#ended.abort();
    this.#wake();
  }

  wake(): void {
    this.#wake();
  }

  again(): void {
    this.#woken = true;
    this.#wake();
  }

  hint(): void {
    this.#hinted = true;
    this.#hasten();
  }

  async #once(): Promise<void> {
    const { signal } = this.#ended;
    const begun = performance.now();
    [this.#woken, this.#hinted] = [false, false];
    try {
      const data = await this.ask(signal);
      if (signal.aborted) return;
      this.#failures = 0;
      this.#took = performance.now() - begun;
      Object.assign(this.poll, { data, fault: undefined, pending: false });
      this.heard?.(data);
    } catch (fault) {
      if (signal.aborted) return;
      this.#failures += 1;
      this.poll.fault = fault;
      this.heard?.(undefined);
    }
  }

  #rest(): Promise<void> {
    if (this.#ended.signal.aborted || this.#woken) return Promise.resolve();
    const standing = { period: this.poll.period, failures: this.#failures, hidden: document.hidden, took: this.#took };
    const [begun, wait] = [performance.now(), pause(standing, Math.random())];
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        removeEventListener("online", over);
        document.removeEventListener("visibilitychange", over);
        this.#hasten = () => {};
        resolve();
      };
      let timer = setTimeout(over, wait);
      addEventListener("online", over);
      document.addEventListener("visibilitychange", over);
      this.#wake = over;
      this.#hasten = () => {
        // A node that fails is spared, whatever comes.
        if (this.#failures > 0) return;
        clearTimeout(timer);
        const soon = Math.min(wait, pauseForNews(this.#took));
        timer = setTimeout(over, Math.max(0, soon - (performance.now() - begun)));
      };
      if (this.#hinted) this.#hasten();
    });
  }
}
