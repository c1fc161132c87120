import { expect, test } from "vitest";
import type { Step } from "../api/types";
import { readSteps, stepsText, take } from "./steps";

test("steps are taken in order", () => {
  const steps: Step[] = [{ linear: { gain: 2, offset: 1 } }, { polynomial: { coefficients: [1, 0, 2] } }, { clamp: { max: 90 } }];
  expect(take(steps, 2)).toBe(51);
  expect(take(steps, 3)).toBe(90);
  expect(take([], 3)).toBe(3);
  expect(take(steps, "2")).toBeNull();
});

test("a table draws lines and says what lies outside", () => {
  const at = (x: number, outside?: "refuse" | "clamp" | "extend") =>
    take([{ table: { points: [[0, 10], [10, 20], [20, 0]], outside } }], x);
  expect([0, 5, 10, 15, 20].map((x) => at(x))).toEqual([10, 15, 20, 10, 0]);
  expect([at(-1), at(21)]).toEqual([null, null]);
  expect([at(-1, "clamp"), at(21, "clamp")]).toEqual([10, 0]);
  expect([at(-1, "extend"), at(21, "extend")]).toEqual([9, -2]);
});

test("labels make numbers of text and of booleans", () => {
  const steps: Step[] = [{ labels: { map: { open: 1, true: 5 } } }, { linear: { gain: 10 } }];
  expect(take(steps, "open")).toBe(10);
  expect(take(steps, true)).toBe(50);
  for (const unnamed of ["shut", "toString", false, null, 7, {}]) expect(take(steps, unnamed)).toBeNull();
  expect(take([{ labels: { map: { open: 1 }, otherwise: -1 } }], "shut")).toBe(-1);
});

test("a result that is not finite is no value, even before a clamp", () => {
  expect(take([{ linear: { gain: 1e308 } }, { clamp: { max: 1 } }], 10)).toBeNull();
});

test("what is written is read back, and what has the wrong shape is said with its place", () => {
  const steps: Step[] = [{ labels: { map: { open: 1 }, otherwise: null } }, { clamp: { min: 0 } }];
  expect(readSteps(stepsText(steps))).toEqual(steps);
  expect(readSteps(stepsText([]))).toEqual([]);
  for (const wrong of ['{"lineal":{}}', '{"linear":{"gain":"2"}}', '{"linear":{},"clamp":{}}', "null", '{"table":{"points":[[1]]}}', '{"toString":{}}']) {
    expect(readSteps(`[{"linear":{}},${wrong}]`)).toContain("at place 1");
  }
  expect(readSteps("{}")).toContain("a list");
  expect(readSteps("[")).toContain("JSON");
});
