// Which of two statuses is the later one, by the rule by which the node keeps the newest.

import { instant } from "./time";

interface Placed {
  status_at: string;
  enqueued_at: string;
  partition_id: number;
  sequence_number: number;
}

/** The second one only where it is later: the same one as the first may have been corrected since. */
export function laterOf<A extends Placed, B extends Placed>(first: A | undefined, second: B): A | B {
  if (!first) return second;
  const [mine, other] = [rank(first), rank(second)];
  const differs = mine.findIndex((it, index) => it !== other[index]);
  return differs >= 0 && other[differs]! > mine[differs]! ? second : first;
}

function rank(status: Placed): number[] {
  return [instant(status.status_at) ?? 0, instant(status.enqueued_at) ?? 0, status.partition_id, status.sequence_number];
}
