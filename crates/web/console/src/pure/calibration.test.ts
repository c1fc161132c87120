import { expect, test } from "vitest";
import { effective, labelsAt, rawNumber, reasonText } from "./calibration";
import { leavesIn, numbersIn } from "./pointer";

test("the number that is calibrated stands at the pointer", () => {
  expect(rawNumber({ v: 3 }, { pointer: "/v" })).toBe(3);
  expect(rawNumber(-150, {})).toBe(-150);
  expect(rawNumber({ a: [{ "b/c": 4 }] }, { pointer: "/a/0/b~1c" })).toBe(4);
});

test("where there is no number there is none", () => {
  for (const data of [{ a: 1 }, "7", null, true, [1]]) expect(rawNumber(data, {})).toBeNull();
  expect(rawNumber([1], { pointer: "/00" })).toBeNull();
  expect(rawNumber({}, { pointer: "/constructor" })).toBeNull();
});

test("a sub-owner overrides single parts", () => {
  const settings = { pointer: "/v", unit: "kW", sub_owners: { b: { unit: "bar" } } };
  expect(effective(settings, "b")).toEqual({ pointer: "/v", unit: "bar" });
  for (const other of ["a", "toString", null]) expect(effective(settings, other)).toEqual({ pointer: "/v", unit: "kW" });
});

test("places of numbers, and of texts, are found in the data", () => {
  const data = { "a/b": [1, "x"], on: true, none: null };
  expect(numbersIn(data)).toEqual(["/a~1b/0"]);
  expect(leavesIn(data, (it) => typeof it === "string" || typeof it === "boolean")).toEqual(["/a~1b/1", "/on"]);
});

test("the texts at a pointer are told once", () => {
  expect(labelsAt([{ s: "open" }, { s: "shut" }, { s: "open" }, { s: true }, { s: 1 }, {}], "/s")).toEqual(["open", "shut", "true"]);
});

test("people count steps from 1", () => {
  expect(reasonText("steps.0 has no value for it")).toBe("step 1 has no value for it");
  expect(reasonText("there is nothing at the pointer")).toBe("there is nothing at the pointer");
});
