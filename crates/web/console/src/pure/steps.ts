// The steps of a calibration, taken as the node takes them: see `crates/model/src/calibration/`.
// The node has the last word on what is allowed; here only the shape is looked at, so that a preview
// never meets what it cannot compute with.

import type { Step, Table } from "../api/types";
import { numberOf } from "./exact";

/** What the steps make of the value at the pointer; null, if they make nothing of it. */
export function take(steps: readonly Step[], value: unknown): number | null {
  const [first, ...rest] = steps;
  const labelled = first && "labels" in first;
  const start = labelled ? label(first.labels, value) : numberOf(value);
  return (labelled ? rest : steps).reduce<number | null>((x, step) => (x === null ? null : finite(next(step, x))), start);
}

function finite(number: number | null): number | null {
  return number !== null && Number.isFinite(number) ? number : null;
}

function label({ map, otherwise }: { map: Record<string, number>; otherwise?: number | null }, value: unknown): number | null {
  if (typeof value !== "string" && typeof value !== "boolean") return null;
  const text = String(value);
  return Object.hasOwn(map, text) ? map[text]! : (otherwise ?? null);
}

function next(step: Step, x: number): number | null {
  if ("linear" in step) return x * (step.linear.gain ?? 1) + (step.linear.offset ?? 0);
  if ("polynomial" in step) return step.polynomial.coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
  if ("table" in step) return lookUp(step.table, x);
  if ("clamp" in step) return Math.min(Math.max(x, step.clamp.min ?? -Infinity), step.clamp.max ?? Infinity);
  return null;
}

type Point = [number, number];

function lookUp({ points, outside = "refuse" }: Table, x: number): number | null {
  const reached = points.findIndex((point) => point[0] >= x);
  const [behind, point] = [points[reached - 1], points[reached]];
  if (point && point[0] === x) return point[1];
  if (behind && point) return line(behind, point, x);
  const [nearest, following] = reached === 0 ? points : points.toReversed();
  if (!nearest || !following || outside === "refuse") return null;
  return outside === "clamp" ? nearest[1] : line(nearest, following, x);
}

function line([ax, ay]: Point, [bx, by]: Point, x: number): number {
  return ((x - ax) / (bx - ax)) * (by - ay) + ay;
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isAbsentOr = (value: unknown) => value === undefined || isNumber(value);
const isNumbers = (value: unknown) => Array.isArray(value) && value.every(isNumber);
const isPoint = (value: unknown) => isNumbers(value) && (value as unknown[]).length === 2;

const shapes: Record<string, (step: Record<string, unknown>) => boolean> = {
  linear: ({ gain, offset }) => isAbsentOr(gain) && isAbsentOr(offset),
  polynomial: ({ coefficients }) => isNumbers(coefficients),
  table: ({ points }) => Array.isArray(points) && points.every(isPoint),
  clamp: ({ min, max }) => isAbsentOr(min ?? undefined) && isAbsentOr(max ?? undefined),
  labels: ({ map, otherwise }) => isObject(map) && Object.values(map).every(isNumber) && isAbsentOr(otherwise ?? undefined),
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStep(value: unknown): value is Step {
  const [kind, ...others] = isObject(value) ? Object.entries(value) : [];
  return kind !== undefined && others.length === 0 && Object.hasOwn(shapes, kind[0]) && isObject(kind[1]) && shapes[kind[0]]!(kind[1]);
}

/** The steps that the text says, or what is wrong with it. */
export function readSteps(text: string): Step[] | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "are a JSON list, such as [{\"linear\": {\"gain\": 0.1}}]";
  }
  if (!Array.isArray(value)) return "are a list: [ … ]";
  const wrong = value.findIndex((step) => !isStep(step));
  if (wrong < 0) return value as Step[];
  return `have none that can be read at place ${wrong}: one of linear, polynomial, table, clamp, labels, with its numbers`;
}

/** One step a line. */
export function stepsText(steps: readonly Step[]): string {
  return steps.length === 0 ? "[]" : `[\n${steps.map((step) => `  ${JSON.stringify(step)}`).join(",\n")}\n]`;
}
