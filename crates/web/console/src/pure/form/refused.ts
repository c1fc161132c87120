// What the node found wrong, at the places of the form. What has no place there is left over, to be
// told beside it.

import type { FieldFault } from "../../api/types";
import type { Draft } from "./draft";
import type { Faults } from "./faults";

export interface Refused {
  faults: Faults;
  /** Of other parts of the settings. */
  others: FieldFault[];
}

export function refusedAt(errors: readonly FieldFault[], scope: string | null, draft: Draft): Refused {
  const refused: Refused = { faults: {}, others: [] };
  for (const error of errors) {
    const [path, detail] = shape(error) ?? [inScope(error.field, scope), error.detail];
    const place = path === undefined ? undefined : placeOf(path, draft);
    if (place === undefined) refused.others.push(error);
    else refused.faults[place] ??= detail;
  }
  return refused;
}

/** A wrong shape is told for the settings as a whole, with its path in the text. */
function shape({ field, detail }: FieldFault): [string, string] | undefined {
  const said = field === "settings" ? /^(steps\.\d+[\w.]*): (.*)$/s.exec(detail) : null;
  return said ? [said[1]!, said[2]!] : undefined;
}

function inScope(field: string, scope: string | null): string | undefined {
  const prefix = scope === null ? "settings." : `settings.sub_owners.${scope}.`;
  const path = field.startsWith(prefix) ? field.slice(prefix.length) : undefined;
  return scope === null && path?.startsWith("sub_owners.") ? undefined : path;
}

const FIELDS = ["pointer", "unit", "gain", "offset"];

/** The nearest place that the form shows faults at. */
function placeOf(path: string, draft: Draft): string | undefined {
  if (FIELDS.includes(path)) return draft.form === "steps" && ["gain", "offset"].includes(path) ? undefined : path;
  if (draft.form !== "steps" || !/^steps\b/.test(path)) return undefined;
  const [, number, within = ""] = /^steps\.(\d+)(?:\.(.*))?$/s.exec(path) ?? [];
  const step = draft.steps[Number(number)];
  if (!step) return "steps";
  return `steps.${number}.${inStep(within, step)}`;
}

type Step = Draft["steps"][number];

function inStep(within: string, step: Step): string {
  if (step.kind === "labels" && within.startsWith("labels.map.")) {
    const row = step.rows.findIndex(({ cells }) => cells[0] === within.slice("labels.map.".length));
    return row < 0 ? "labels.map" : `labels.map.${row}`;
  }
  const shown = SHOWN[step.kind].find((place) => new RegExp(`^${place}$`).test(within));
  return shown === undefined ? step.kind : within;
}

/** Where each kind shows faults, besides the step as a whole. */
const SHOWN: Record<Step["kind"], string[]> = {
  linear: ["linear\\.(gain|offset)"],
  polynomial: ["polynomial\\.coefficients(\\.\\d+)?"],
  table: ["table\\.points(\\.\\d+)?"],
  clamp: ["clamp\\.(min|max)"],
  labels: ["labels\\.(map|otherwise)"],
  other: [],
};
