// A step of a calibration as it stands in the form, and as the settings have it. What this console
// does not know of a step, since the node is newer, is kept and written back as it was.

import type { Step } from "../../api/types";
import { numberIn, numberText } from "./number";

/** A line of a list: a coefficient, a point, a label. Texts as they were typed. */
export interface Row {
  id: number;
  cells: string[];
  /** What follows the cells, unknown here. */
  rest: unknown[];
}

interface Kept {
  /** Stays with the step wherever it is moved. */
  id: number;
  rest: Record<string, unknown>;
}

export type LinearDraft = Kept & { kind: "linear"; gain: string; offset: string };
export type PolynomialDraft = Kept & { kind: "polynomial"; rows: Row[] };
export type TableDraft = Kept & { kind: "table"; rows: Row[]; outside: string };
export type ClampDraft = Kept & { kind: "clamp"; min: string; max: string };
export type LabelsDraft = Kept & { kind: "labels"; rows: Row[]; otherwise: string };
/** A kind, or a shape, that this console cannot show in fields. */
export type OtherDraft = Kept & { kind: "other"; written: unknown };
export type StepDraft = LinearDraft | PolynomialDraft | TableDraft | ClampDraft | LabelsDraft | OtherDraft;
export type Kind = Exclude<StepDraft["kind"], "other">;

let ids = 0;
const identity = () => (ids += 1);

export function rowOf(cells: string[], rest: unknown[] = []): Row {
  return { id: identity(), cells, rest };
}

/** What is to be filled in. */
export function newStep(kind: Kind): StepDraft {
  const kept: Kept = { id: identity(), rest: {} };
  switch (kind) {
    case "linear":
      return { ...kept, kind, gain: "", offset: "" };
    case "polynomial":
      return { ...kept, kind, rows: [rowOf([""]), rowOf([""])] };
    case "table":
      return { ...kept, kind, rows: [rowOf(["", ""]), rowOf(["", ""])], outside: "refuse" };
    case "clamp":
      return { ...kept, kind, min: "", max: "" };
    case "labels":
      return { ...kept, kind, rows: [rowOf(["", ""])], otherwise: "" };
  }
}

type Parts = Record<string, unknown>;

function isParts(value: unknown): value is Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isNumber = (value: unknown) => numberText(value) !== undefined;
const isAbsentOr = (value: unknown) => value === undefined || value === null || isNumber(value);
const text = (value: unknown) => numberText(value) ?? "";

/** How each kind is read; null, where its shape is another one than is known here. */
const readers: Record<Kind, (parts: Parts) => StepDraft | null> = {
  linear: ({ gain, offset, ...rest }) =>
    isAbsentOr(gain) && isAbsentOr(offset) ? { ...newStep("linear"), rest, gain: text(gain), offset: text(offset) } as LinearDraft : null,
  polynomial: ({ coefficients, ...rest }) =>
    Array.isArray(coefficients) && coefficients.every(isNumber)
      ? { ...newStep("polynomial"), rest, rows: coefficients.map((it) => rowOf([text(it)])) } as PolynomialDraft : null,
  table: ({ points, outside = "refuse", ...rest }) =>
    Array.isArray(points) && points.every(isPoint) && typeof outside === "string"
      ? { ...newStep("table"), rest, rows: points.map(([x, y, ...more]) => rowOf([text(x), text(y)], more)), outside } as TableDraft : null,
  clamp: ({ min, max, ...rest }) =>
    isAbsentOr(min) && isAbsentOr(max) ? { ...newStep("clamp"), rest, min: text(min), max: text(max) } as ClampDraft : null,
  labels: ({ map, otherwise, ...rest }) =>
    isParts(map) && Object.values(map).every(isNumber) && isAbsentOr(otherwise)
      ? { ...newStep("labels"), rest, rows: Object.entries(map).map(([label, it]) => rowOf([label, text(it)])), otherwise: text(otherwise) } as LabelsDraft
      : null,
};

function isPoint(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length >= 2 && value.slice(0, 2).every(isNumber);
}

export function readStep(step: unknown): StepDraft {
  const [only, ...others] = isParts(step) ? Object.entries(step) : [];
  const known = only !== undefined && others.length === 0 && Object.hasOwn(readers, only[0]) && isParts(only[1]);
  const read = known ? readers[only[0] as Kind](only[1] as Parts) : null;
  return read ?? { id: identity(), rest: {}, kind: "other", written: step };
}

/** The step as the settings have it: a number that is none is left out, and is a fault elsewhere. */
export function writeStep(step: StepDraft): Step {
  if (step.kind === "other") return step.written as Step;
  return { [step.kind]: { ...write(step), ...step.rest } } as Step;
}

function write(step: Exclude<StepDraft, OtherDraft>): Parts {
  switch (step.kind) {
    case "linear":
      return { ...set("gain", step.gain), ...set("offset", step.offset) };
    case "polynomial":
      return { coefficients: step.rows.map(({ cells }) => numberIn(cells[0])) };
    case "table":
      return { points: step.rows.map(({ cells, rest }) => [numberIn(cells[0]), numberIn(cells[1]), ...rest]), outside: step.outside };
    case "clamp":
      return { ...set("min", step.min), ...set("max", step.max) };
    case "labels":
      return { map: Object.fromEntries(step.rows.map(({ cells }) => [cells[0], numberIn(cells[1])])), ...set("otherwise", step.otherwise) };
  }
}

function set(name: string, text: string): Parts {
  const number = numberIn(text);
  return number === undefined ? {} : { [name]: number };
}
