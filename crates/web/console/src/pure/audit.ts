// What a row of the audit log says where it has no before or no after.

import type { AuditRow } from "../api/types";

type Row = Pick<AuditRow, "status" | "before" | "after">;

/** Null where there is something to show. */
export function unchanged({ status, before, after }: Row): string | null {
  if (before !== null || after !== null) return null;
  if (status === null) return "The node never told how it ended.";
  return status < 400 ? "Nothing was changed." : "It was refused: nothing was changed.";
}

/** What is not told of the past need not have been nothing: only who creates knows that it was. */
export function noBefore({ status }: Row): string {
  return status === 201 ? "It was not there." : "–";
}
