// How long a poll waits until it asks again.

const LONGEST_MS = 30_000;
/** What nobody looks at is asked for this much less often. */
const HIDDEN_FACTOR = 5;
/** So that many open pages do not come back at the same moment. */
const JITTER = 0.2;
/** So that an expensive question, such as a search among a million owners, costs the database at
 *  most this part of its time for each who watches. */
const REST_FACTOR = 10;

export interface Standing {
  period: number;
  /** Failures since the last answer. */
  failures: number;
  hidden: boolean;
  /** How long the last answer took. */
  took: number;
}

/** `random` is from 0 up to 1. */
export function pause({ period, failures, hidden, took }: Standing, random: number): number {
  const base = period * (hidden ? HIDDEN_FACTOR : 1) * 2 ** Math.min(failures, 10);
  if (failures === 0) return Math.max(base, took * REST_FACTOR);
  return Math.max(period, Math.min(base, LONGEST_MS) * (1 + JITTER * (2 * random - 1)));
}

/** The same where something to ask for is known to have come: the period need not be over, but a node
 *  that was slow to answer is left in peace as ever. */
export function pauseForNews(took: number): number {
  return took * REST_FACTOR;
}
