// What is wrong with a draft, by place: what it is and how to mend it. Places are the node's paths
// (`steps.2.table.points.1`), below a row with the number of the cell. The node has the last word; these
// are its rules (`crates/model/src/calibration/faults.rs`), told while somebody types.

import { parse } from "../pointer";
import type { Draft } from "./draft";
import { absentOrNumberFault, numberFault, numberIn } from "./number";
import type { LabelsDraft, Row, StepDraft, TableDraft } from "./step";

export type Faults = Record<string, string>;

export const MOST_STEPS = 16;
/** Of rows, by the kind of the step. */
export const MOST_ROWS = { polynomial: 16, table: 256, labels: 256 } as const;
const MOST_UNIT_CHARACTERS = 64;
const MOST_LABEL_CHARACTERS = 128;

type Found = [place: string, fault: string | undefined];

/** Empty, if the draft can be saved. */
export function faultsOf(draft: Draft): Faults {
  const found: Found[] = [["pointer", pointerFault(draft.pointer)], ["unit", unitFault(draft.unit)]];
  if (draft.form === "short") {
    found.push(["gain", absentOrNumberFault(draft.gain)], ["offset", absentOrNumberFault(draft.offset)]);
  } else {
    if (draft.steps.length > MOST_STEPS) found.push(["steps", `are ${draft.steps.length}, and there may be ${MOST_STEPS}: remove some`]);
    draft.steps.forEach((step, index) => {
      const inStep: Found[] = [...behindAnother(step, index), ...faultsOfStep(step)];
      found.push(...inStep.map(([place, fault]): Found => [`steps.${index}.${place}`, fault]));
    });
  }
  return Object.fromEntries(found.filter((it): it is [string, string] => it[1] !== undefined));
}

function pointerFault(text: string): string | undefined {
  if (parse(text) !== null) return undefined;
  if (!text.startsWith("/")) return `begins with a slash: /${text.replaceAll(".", "/")}`;
  return "has a ~ that is neither ~0 (for ~) nor ~1 (for /)";
}

function unitFault(text: string): string | undefined {
  const length = [...text.trim()].length;
  return length > MOST_UNIT_CHARACTERS ? `has ${length} characters, and there may be ${MOST_UNIT_CHARACTERS}: shorten it` : undefined;
}

function behindAnother(step: StepDraft, index: number): Found[] {
  const behind = step.kind === "labels" && index > 0;
  return behind ? [["labels", "have to be the first step, since the others take numbers and no text: move them up"]] : [];
}

function faultsOfStep(step: StepDraft): Found[] {
  switch (step.kind) {
    case "linear":
      return [["linear.gain", absentOrNumberFault(step.gain)], ["linear.offset", absentOrNumberFault(step.offset)]];
    case "polynomial":
      return listed("polynomial.coefficients", step.rows, [1, MOST_ROWS.polynomial], ({ cells }) => [numberFault(cells[0])]);
    case "table":
      return tableFaults(step);
    case "clamp":
      return [["clamp.min", absentOrNumberFault(step.min)], ["clamp.max", absentOrNumberFault(step.max)], ["clamp", clampFault(step.min, step.max)]];
    case "labels":
      return labelsFaults(step);
    case "other":
      return [];
  }
}

/** Whether there are as many as there may be, and what is wrong with the cells of each. */
function listed(place: string, rows: Row[], [least, most]: [number, number], ofCells: (row: Row, index: number) => (string | undefined)[]): Found[] {
  const count = rows.length;
  const wrong = count < least ? `are ${count}: there have to be ${least} or more` : count > most ? `are ${count}, and there may be ${most}: remove some` : undefined;
  const cells = rows.flatMap((row, index) => ofCells(row, index).map((fault, cell): Found => [`${place}.${index}.${cell}`, fault]));
  return [[place, wrong], ...cells];
}

function tableFaults({ rows }: TableDraft): Found[] {
  const place = "table.points";
  const cells = listed(place, rows, [2, MOST_ROWS.table], ({ cells: [x, y] }) => [numberFault(x), numberFault(y)]);
  const order = rows.map((_, index): Found => [`${place}.${index}`, pointFault(rows, index)]);
  return [...cells, ...order];
}

/** Of the point against the one before it, where both are numbers. */
function pointFault(rows: Row[], index: number): string | undefined {
  const numbers = (row: Row | undefined) => row?.cells.map(numberIn) ?? [];
  const [[beforeX, beforeY], [x, y]] = [numbers(rows[index - 1]), numbers(rows[index])];
  if (beforeX === undefined || x === undefined) return undefined;
  if (x === beforeX) return `has the x of the point before it, ${x}: change or remove one of them`;
  if (x < beforeX) return `has an x, ${x}, below ${beforeX} of the point before it: sort the points by x`;
  const drawable = Number.isFinite(x - beforeX) && Number.isFinite((y ?? 0) - (beforeY ?? 0));
  return drawable ? undefined : "lies too far from the point before it to draw a line";
}

/** Whether sorting would mend it. */
export function unsorted({ rows }: TableDraft): boolean {
  const xs = rows.map(({ cells }) => numberIn(cells[0])).filter((x) => x !== undefined);
  return xs.some((x, index) => index > 0 && x < xs[index - 1]!);
}

function clampFault(min: string, max: string): string | undefined {
  if (min.trim() === "" && max.trim() === "") return "does nothing yet: write a least value, a greatest one, or both";
  const [low, high] = [numberIn(min), numberIn(max)];
  return low !== undefined && high !== undefined && low > high ? `has a least value, ${low}, above its greatest, ${high}: exchange them` : undefined;
}

function labelsFaults({ rows, otherwise }: LabelsDraft): Found[] {
  const cells = listed("labels.map", rows, [1, MOST_ROWS.labels], ({ cells: [label = "", number] }, index) => [
    labelFault(label, rows.findIndex((row) => row.cells[0] === label), index),
    numberFault(number),
  ]);
  return [...cells, ["labels.otherwise", absentOrNumberFault(otherwise)]];
}

function labelFault(label: string, first: number, index: number): string | undefined {
  if (first !== index) return `stands in row ${first + 1} already: change or remove one of them`;
  const length = [...label].length;
  return length > MOST_LABEL_CHARACTERS ? `has ${length} characters, and there may be ${MOST_LABEL_CHARACTERS}: shorten it` : undefined;
}
