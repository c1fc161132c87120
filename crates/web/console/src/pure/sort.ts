// Sorting of a table that is there whole. What is unknown comes last, whichever way it goes.

export interface Sorting {
  column: string;
  down: boolean;
}

export type Key = number | string | null | undefined;

export function sorted<T>(rows: readonly T[], key: (row: T) => Key, down: boolean): T[] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [key(a) ?? null, key(b) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
  });
}

/** `-lag_events` in the address is descending. */
export function sortingOf(text: string | null, otherwise: string): Sorting {
  const name = text || otherwise;
  return name.startsWith("-") ? { column: name.slice(1), down: true } : { column: name, down: false };
}

export function sortText({ column, down }: Sorting): string {
  return down ? `-${column}` : column;
}
