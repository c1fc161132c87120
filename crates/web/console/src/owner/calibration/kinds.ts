// The kinds of steps in words.

import type { Kind, StepDraft } from "../../pure/form/step";

interface Words {
  name: string;
  /** What it makes of a number, beside its name. */
  makes: string;
  /** For whoever has to choose. */
  teaches: string;
}

export const KINDS: Record<Kind, Words> = {
  linear: { name: "Linear", makes: "x × gain + offset", teaches: "x × gain + offset. A meter with 10 pulses per kWh has the gain 0.1." },
  polynomial: { name: "Polynomial", makes: "c₀ + c₁x + c₂x² + …", teaches: "c₀ + c₁x + c₂x² + …, as the data sheet of a sensor gives it." },
  table: { name: "Table", makes: "straight lines from point to point", teaches: "Points with straight lines between them: 4 mA is 0 %, 20 mA is 100 %." },
  clamp: { name: "Clamp", makes: "not below, not above", teaches: "Not below a least value, not above a greatest: what a sensor overshoots is cut off." },
  labels: { name: "Labels", makes: "numbers for texts", teaches: "Numbers for texts and booleans: open is 1, shut is 0. Always the first step." },
};

export function nameOf(step: StepDraft): string {
  return step.kind === "other" ? "Another kind" : KINDS[step.kind].name;
}
