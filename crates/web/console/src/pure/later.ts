// Which of two statuses is the later one, by its own time.

import { instant } from "./time";

interface Timed {
  status_at: string;
}

/** The second one only where it is later: of equals the first, which may have been corrected since. */
export function laterOf<A extends Timed, B extends Timed>(first: A | undefined, second: B): A | B {
  if (!first) return second;
  return (instant(second.status_at) ?? 0) > (instant(first.status_at) ?? 0) ? second : first;
}
