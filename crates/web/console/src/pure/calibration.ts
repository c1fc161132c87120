// What calibration will make of a datum, computed as the node does it (`crates/model/src/
// calibration/`): value = number at the pointer × gain + offset, or what the steps say. The node
// rounds once, this twice; they may differ in the last bit, which nobody is shown.

import type { Calibration, Settings } from "../api/types";
import { numberOf } from "./exact";
import { find, parse } from "./pointer";
import { readSteps, stepsText, take } from "./steps";

/** A calibration as it stands in the form: texts, empty where nothing is set. */
export interface Draft {
  pointer: string;
  gain: string;
  offset: string;
  /** JSON. */
  steps: string;
  unit: string;
}

export type Part = keyof Draft;
export const PARTS: readonly Part[] = ["pointer", "gain", "offset", "unit", "steps"];

/** The empty pointer means the whole datum, which is the default: written as an empty field. */
export function draftOf(part: Calibration | undefined): Draft {
  const text = (value: number | undefined) => (value === undefined ? "" : String(value));
  return {
    pointer: part?.pointer ?? "",
    gain: text(part?.gain),
    offset: text(part?.offset),
    steps: part?.steps ? stepsText(part.steps) : "",
    unit: part?.unit ?? "",
  };
}

/** What is wrong with each field; empty, if the draft can be saved. */
export function faultsOf(draft: Draft): Partial<Record<Part, string>> {
  const faults: Partial<Record<Part, string>> = {};
  if (parse(draft.pointer) === null) {
    faults.pointer = "begins with /, and ~ stands only as ~0 or ~1: /sensors/0/value";
  }
  for (const part of ["gain", "offset"] as const) {
    if (draft[part].trim() !== "" && written(draft[part]) === undefined) faults[part] = "is a number: 0.1 or -273.15";
  }
  const steps = draft.steps.trim() === "" ? undefined : readSteps(draft.steps);
  if (typeof steps === "string") faults.steps = steps;
  for (const part of ["gain", "offset"] as const) {
    if (steps !== undefined && draft[part].trim() !== "") faults[part] = "stays empty where there are steps: make it a linear one";
  }
  if ([...draft.unit].length > 64) faults.unit = "has at most 64 characters";
  return faults;
}

function written(text: string): number | undefined {
  const number = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** The parts that are set. */
export function calibrationOf(draft: Draft): Calibration {
  const part: Calibration = {};
  if (draft.pointer !== "") part.pointer = draft.pointer;
  if (draft.unit.trim() !== "") part.unit = draft.unit.trim();
  const [gain, offset] = [written(draft.gain), written(draft.offset)];
  if (gain !== undefined) part.gain = gain;
  if (offset !== undefined) part.offset = offset;
  const steps = draft.steps.trim() === "" ? undefined : readSteps(draft.steps);
  if (Array.isArray(steps)) part.steps = steps;
  return part;
}

/**
 * The sub-owner's part where it is set, else the owner's. Steps and gain with offset are two forms of
 * one thing: of those the sub-owner's form counts, if it has one.
 */
export function effective(settings: Settings, subOwner: string | null): Calibration {
  const { sub_owners, ...own } = settings;
  const part = subOwner !== null && sub_owners && Object.hasOwn(sub_owners, subOwner) ? sub_owners[subOwner] : undefined;
  const { gain, offset, steps, ...rest } = own;
  const form = part?.steps ? {} : { gain, offset, steps: (part?.gain ?? part?.offset) === undefined ? steps : undefined };
  return set({ ...rest, ...form, ...part });
}

/** Without the parts that are not there. */
function set(calibration: Calibration): Calibration {
  return Object.fromEntries(Object.entries(calibration).filter(([, part]) => part !== undefined));
}

/** The settings with the draft in place of what is set for the owner, or for one sub-owner. */
export function withDraft(settings: Settings, scope: string | null, draft: Draft): Settings {
  const part = calibrationOf(draft);
  if (scope === null) return { ...part, sub_owners: settings.sub_owners };
  return { ...settings, sub_owners: { ...settings.sub_owners, [scope]: part } };
}

/** The merge patch that makes the draft true: null resets a part, or the whole override. */
export function patchOf(scope: string | null, draft: Draft): object {
  const part = calibrationOf(draft);
  const patch = Object.fromEntries(PARTS.map((name) => [name, part[name] ?? null]));
  if (scope === null) return { settings: patch };
  const override = Object.keys(part).length === 0 ? null : patch;
  return { settings: { sub_owners: { [scope]: override } } };
}

export function same(a: Draft, b: Draft): boolean {
  return PARTS.every((part) => a[part] === b[part]);
}

/** The number that is calibrated; null, if there is none at the pointer. */
export function rawNumber(data: unknown, calibration: Calibration): number | null {
  return numberOf(find(data, parse(calibration.pointer ?? "") ?? []));
}

export function calibrated(data: unknown, calibration: Calibration): number | null {
  if (calibration.steps) return take(calibration.steps, find(data, parse(calibration.pointer ?? "") ?? []));
  const raw = rawNumber(data, calibration);
  if (raw === null) return null;
  const value = raw * (calibration.gain ?? 1) + (calibration.offset ?? 0);
  return Number.isFinite(value) ? value : null;
}
