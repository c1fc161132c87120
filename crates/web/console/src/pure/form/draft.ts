// The parts of a calibration as they stand in the form ⇄ as the settings have them.

import type { Calibration } from "../../api/types";
import { numberIn, numberText } from "./number";
import { newStep, readStep, writeStep, type LinearDraft, type StepDraft } from "./step";

/** Texts as they were typed, empty where nothing is set. */
export interface Draft {
  pointer: string;
  unit: string;
  /** Which of the two forms counts; what stands in the other one is kept while the page is open. */
  form: "short" | "steps";
  gain: string;
  offset: string;
  steps: StepDraft[];
}

const PARTS = ["pointer", "gain", "offset", "steps", "unit"] as const;

/** The empty pointer means the whole datum, which is the default: written as an empty field. */
export function draftOf(part: Calibration | undefined): Draft {
  return {
    pointer: part?.pointer ?? "",
    unit: part?.unit ?? "",
    form: part?.steps ? "steps" : "short",
    gain: numberText(part?.gain) ?? "",
    offset: numberText(part?.offset) ?? "",
    steps: (part?.steps ?? []).map(readStep),
  };
}

/** The parts that are set. */
export function calibrationOf(draft: Draft): Calibration {
  const part: Calibration = {};
  if (draft.pointer !== "") part.pointer = draft.pointer;
  if (draft.unit.trim() !== "") part.unit = draft.unit.trim();
  if (draft.form === "steps") return { ...part, steps: draft.steps.map(writeStep) };
  const [gain, offset] = [numberIn(draft.gain), numberIn(draft.offset)];
  if (gain !== undefined) part.gain = gain;
  if (offset !== undefined) part.offset = offset;
  return part;
}

/**
 * The merge patch that makes the draft true: null resets a part. It names the parts that are known
 * here and no other, so that those stay as they are.
 */
export function patchOf(scope: string | null, draft: Draft, stored: Calibration | undefined): { settings: object } {
  const part = calibrationOf(draft);
  const patch = Object.fromEntries(PARTS.map((name) => [name, part[name] ?? null]));
  if (scope === null) return { settings: patch };
  const others = Object.keys(stored ?? {}).some((name) => !(PARTS as readonly string[]).includes(name));
  // An override that has nothing left goes.
  const override = Object.keys(part).length === 0 && !others ? null : patch;
  return { settings: { sub_owners: { [scope]: override } } };
}

/** Whether both say the same, whatever was typed to say it. */
export function same(a: Draft, b: Draft): boolean {
  return JSON.stringify(calibrationOf(a)) === JSON.stringify(calibrationOf(b));
}

/**
 * The draft with steps in place of gain and offset, which become the first one. Of an override, what it
 * does not say is the owner's, and so are the steps where it says nothing.
 */
export function withSteps(draft: Draft, owner: Calibration | undefined): Draft {
  if (draft.steps.length > 0) return { ...draft, form: "steps" };
  const says = draft.gain.trim() !== "" || draft.offset.trim() !== "";
  if (!says && owner?.steps) return { ...draft, form: "steps", steps: owner.steps.map(readStep) };
  const inherited = draftOf(owner);
  const [gain, offset] = [draft.gain.trim() || inherited.gain, draft.offset.trim() || inherited.offset];
  const steps = gain === "" && offset === "" ? [] : [{ ...newStep("linear"), gain, offset } as LinearDraft];
  return { ...draft, form: "steps", gain: "", offset: "", steps };
}

/** The draft with gain and offset in place of steps: those of the only step, if it is a plain linear one. */
export function withoutSteps(draft: Draft): Draft {
  const [only] = draft.steps;
  const unsaid = draft.gain === "" && draft.offset === "";
  if (!unsaid || !fitsShort(draft) || only?.kind !== "linear") return { ...draft, form: "short" };
  return { ...draft, form: "short", gain: only.gain, offset: only.offset, steps: [] };
}

/** Whether gain and offset can say all that the steps say. */
export function fitsShort({ steps }: Draft): boolean {
  return steps.every((step) => step.kind === "linear" && Object.keys(step.rest).length === 0) && steps.length <= 1;
}
