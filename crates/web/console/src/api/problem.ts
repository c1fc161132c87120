// What an answer is that is not what was hoped for, in words for people.

import type { FieldFault } from "./types";

/** The node answered with `application/problem+json`. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly errors: FieldFault[] = [],
    readonly reasons: string[] = [],
  ) {
    super(detail);
  }

  /** Nothing that the page asked is wrong: the node is unable for now, or asked too often. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 429;
  }
}

/** Nobody answered, or not in time. */
export class Unreachable extends Error {}

/** Reads the body of a refused request; a proxy in between may have written it. */
export function problemOf(status: number, body: unknown): Problem {
  const parts = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const detail = typeof parts.detail === "string" ? parts.detail : `the answer was ${status}`;
  return new Problem(status, detail, listOf(parts.errors), listOf(parts.reasons));
}

function listOf<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

/** One sentence, whatever was thrown. */
export function sentence(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
