// One request: JSON in, JSON out, a deadline, and everything else as an error with a sentence.

import { connection } from "../live/connection.svelte";
import { clock } from "../live/clock.svelte";
import { session } from "../live/session.svelte";
import { parseExact } from "../pure/exact";
import { Problem, problemOf, Unreachable } from "./problem";

/** Longer than the node itself waits for its database, ten seconds with the defaults: so it can say
 *  that only the database is away. */
const DEADLINE_MS = 15_000;

export type Query = Record<string, string | number | null | undefined>;

interface Wish {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  query?: Query;
  body?: unknown;
  /** The version that a change is made for. */
  version?: number;
  signal?: AbortSignal;
  /** That it is answered says nothing about whether the pages get their data. */
  aside?: boolean;
}

/** Ids may hold anything, `/` and `%` included. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}

export function url(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

export interface Answer<T> {
  status: number;
  body: T;
}

/** Throws `Problem` or `Unreachable`, or the abort's own error when the page has moved on. */
export async function send<T>(path: string, wish: Wish = {}): Promise<Answer<T>> {
  const answer = await reach(url(path, wish.query), wish);
  const body = await answer.text().then(parseExact).catch(() => undefined);
  if (!answer.ok) {
    const problem = problemOf(answer.status, body);
    if (!wish.aside) note(problem);
    throw problem;
  }
  // An answer without a body says all by its status.
  if (answer.status === 204) return { status: 204, body: undefined as T };
  if (body === undefined) throw new Problem(answer.status, "the answer is not JSON: is this a Rollcall node?");
  if (!wish.aside) connection.answered();
  return { status: answer.status, body: body as T };
}

function note(problem: Problem): void {
  if (problem.status === 401) session.lost(problem.detail);
  if (problem.passing) connection.failed(problem.detail);
  else connection.answered();
}

async function reach(target: string, wish: Wish): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (wish.body !== undefined) headers["content-type"] = "application/json";
  if (wish.version !== undefined) headers["if-match"] = `"${wish.version}"`;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    const answer = await fetch(target, {
      method: wish.method ?? "GET",
      headers,
      body: wish.body === undefined ? undefined : JSON.stringify(wish.body),
      signal: wish.signal ? AbortSignal.any([wish.signal, deadline]) : deadline,
      cache: "no-store",
    });
    clock.heard(answer.headers.get("date"));
    return answer;
  } catch (fault) {
    if (wish.signal?.aborted) throw fault;
    if (deadline.aborted) {
      const late = new Unreachable(`the node has not answered for ${DEADLINE_MS / 1_000} seconds`);
      connection.late(late.message);
      throw late;
    }
    const unreachable = new Unreachable("the node does not answer");
    connection.failed(unreachable.message);
    throw unreachable;
  }
}
