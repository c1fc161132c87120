// What settings that are not saved would make of the stored statuses: the node is asked while somebody
// types, once they rest, and again and again for what comes meanwhile. Only the answer to the newest
// question is taken.

import type { Preview } from "../api/types";
import { Poll } from "./poll.svelte";

/** So long nobody has typed when the node is asked. */
export const REST_MS = 300;
const PERIOD_MS = 5_000;

export interface Question {
  owner: string;
  /** On whose newest statuses it is tried; null: on the newest of each sub-owner. */
  sub: string | null;
  /** A merge patch. */
  settings: object;
}

export type Ask = (question: Question, signal: AbortSignal) => Promise<Preview>;

export class Trial {
  #poll = new Poll<Preview>(PERIOD_MS);
  /** As JSON: the same question is not asked anew when somebody else's page would make it again. */
  #asked = $state.raw<string>();
  #held = $state(false);

  constructor(readonly ask: Ask) {}

  tries(question: Question): void {
    const same = this.#asked !== undefined && subject(JSON.parse(this.#asked)) === subject(question);
    if (!same) this.#poll.data = undefined;
    [this.#asked, this.#held] = [JSON.stringify(question), false];
  }

  /** What is typed by now cannot be asked: the last answer stays, and is an old one. */
  holds(): void {
    this.#held = true;
    this.#poll.fault = undefined;
  }

  ends(): void {
    [this.#asked, this.#held] = [undefined, false];
    Object.assign(this.#poll, { data: undefined, fault: undefined });
  }

  /** What an `$effect` wants. */
  follow(): (() => void) | undefined {
    if (this.#asked === undefined || this.#held) return undefined;
    const question = JSON.parse(this.#asked) as Question;
    this.#poll.fault = undefined;
    return this.#poll.follow(rested((signal) => this.ask(question, signal)));
  }

  get on(): boolean {
    return this.#asked !== undefined;
  }

  get answer(): Preview | undefined {
    return this.#poll.data;
  }

  /** The answer is to an earlier question. */
  get stale(): boolean {
    return this.#held || this.#poll.pending || this.#poll.fault !== undefined;
  }

  /** Why the newest question got no answer. */
  get fault(): unknown {
    return this.#poll.fault;
  }
}

const subject = ({ owner, sub }: Question) => JSON.stringify([owner, sub]);

type Asking = (signal: AbortSignal) => Promise<Preview>;

/** Waits before the first time; whoever is stopped meanwhile never asks. */
function rested(ask: Asking): Asking {
  let waits = true;
  return async (signal) => {
    if (waits) await rest(signal);
    waits = false;
    return ask(signal);
  };
}

function rest(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, REST_MS);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
