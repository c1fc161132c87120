// The last minutes of a figure, kept in the page. A time without an answer is a hole, not a 0.

export interface Point {
  at: number;
  value: number | null;
}

export class Series {
  #points: Point[] = [];

  constructor(readonly span = 5 * 60_000) {}

  add(at: number, value: number | null | undefined): void {
    const oldest = at - this.span;
    this.#points = [...this.#points.filter((point) => point.at >= oldest), { at, value: value ?? null }];
  }

  get points(): Point[] {
    return this.#points;
  }
}

/** What a counter grew by per second between its last two known points; null where nobody knows. */
export function growth(points: Point[]): number | null {
  const [before, last] = points.slice(-2);
  if (!before || !last || before.value === null || last.value === null || last.at <= before.at) return null;
  return Math.max(0, ((last.value - before.value) * 1000) / (last.at - before.at));
}

/** What a figure grew by since the first point at which it was known. */
export function grownBy(points: Point[]): number | null {
  const known = points.filter((point) => point.value !== null);
  const [first, last] = [known[0], known.at(-1)];
  return first && last && first !== last ? (last.value ?? 0) - (first.value ?? 0) : null;
}
