// Keyset pages have a next one only. Where we came from is kept as a trail of cursors in the
// history's state, so that it survives a reload; a page that was opened by its address alone has
// no trail and offers the first page instead of the previous one.

/** The first page has the empty cursor. */
export interface Place {
  cursor: string;
  /** The cursors of the pages before this one, the first page's included. */
  trail: string[];
}

export const FIRST: Place = { cursor: "", trail: [] };

export function placeOf(cursor: string | null, state: unknown): Place {
  if (!cursor) return FIRST;
  const trail = (state as { trail?: unknown } | null)?.trail;
  const whole = Array.isArray(trail) && trail.every((it) => typeof it === "string");
  return { cursor, trail: whole ? (trail as string[]) : [] };
}

export function after(place: Place, next: string): Place {
  return { cursor: next, trail: [...place.trail, place.cursor] };
}

/** Null, where it is not known. */
export function before(place: Place): Place | null {
  const cursor = place.trail.at(-1);
  return cursor === undefined ? null : { cursor, trail: place.trail.slice(0, -1) };
}

/** The number of the page, where it is known. */
export function pageNumber(place: Place): number | null {
  if (place.cursor === "") return 1;
  return place.trail[0] === "" ? place.trail.length + 1 : null;
}
