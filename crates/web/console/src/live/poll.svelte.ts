// Asks again and again. What was answered last stays while the node is away; whether it is stale
// is said beside it.

import { sentence } from "../api/problem";
import { connection } from "./connection.svelte";
import { pause } from "./pause";

export const PERIOD_MS = 2_000;

export class Poll<T> {
  data = $state.raw<T>();
  fault = $state.raw<unknown>();
  answeredAt = $state<number>();
  #again: () => void = () => {};

  constructor(readonly period = PERIOD_MS) {}

  /** What is wrong, in a sentence. */
  get trouble(): string | undefined {
    return this.fault === undefined ? undefined : sentence(this.fault);
  }

  /** Asks until the returned function is called: what an `$effect` wants. */
  follow(ask: (signal: AbortSignal) => Promise<T>, heard?: (data: T | undefined) => void): () => void {
    const round = new Round(this, ask, heard);
    this.#again = () => round.wake();
    const stopWaking = connection.onRecovery(() => round.wake());
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
}

class Round<T> {
  #ended = new AbortController();
  #failures = 0;
  #wake: () => void = () => {};

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

  async #once(): Promise<void> {
    const { signal } = this.#ended;
    try {
      const data = await this.ask(signal);
      if (signal.aborted) return;
      this.#failures = 0;
      Object.assign(this.poll, { data, fault: undefined, answeredAt: Date.now() });
      this.heard?.(data);
    } catch (fault) {
      if (signal.aborted) return;
      this.#failures += 1;
      this.poll.fault = fault;
      this.heard?.(undefined);
    }
  }

  #rest(): Promise<void> {
    if (this.#ended.signal.aborted) return Promise.resolve();
    const standing = { period: this.poll.period, failures: this.#failures, hidden: document.hidden };
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        removeEventListener("online", over);
        document.removeEventListener("visibilitychange", over);
        resolve();
      };
      const timer = setTimeout(over, pause(standing, Math.random()));
      addEventListener("online", over);
      document.addEventListener("visibilitychange", over);
      this.#wake = over;
    });
  }
}
