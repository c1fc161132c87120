// A wish for many: each request works for a few seconds and tells where it stopped.

import type { BulkDone } from "./types";

/** Sums the parts up until nothing is left, or nobody wants to know any more. */
export async function gather(
  ask: (cursor: string | null) => Promise<BulkDone>,
  tell: (sum: BulkDone) => void,
  goesOn: () => boolean,
): Promise<void> {
  const refused: Record<string, number> = {};
  let [matched, done] = [0, 0];
  let cursor: string | null = null;
  do {
    const part: BulkDone = await ask(cursor);
    matched += part.matched;
    done += part.done;
    for (const [why, number] of Object.entries(part.refused)) refused[why] = (refused[why] ?? 0) + number;
    cursor = part.next_cursor;
    tell({ ...part, matched, done, refused: { ...refused } });
  } while (cursor !== null && goesOn());
}
