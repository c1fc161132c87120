import { expect, test } from "vitest";
import { calibrated, draftOf, effective, faultsOf, patchOf, withDraft } from "./calibration";

const draft = { pointer: "/v", gain: "2", offset: "-1", steps: "", unit: "kW" };

test("value = number at the pointer × gain + offset", () => {
  expect(calibrated({ v: 3 }, { pointer: "/v", gain: 2, offset: 1 })).toBe(7);
  expect(calibrated(-150, {})).toBe(-150);
  expect(calibrated({ a: [{ "b/c": 4 }] }, { pointer: "/a/0/b~1c" })).toBe(4);
});

test("where there is no number there is no value", () => {
  for (const data of [{ a: 1 }, "7", null, true, [1]]) expect(calibrated(data, {})).toBeNull();
  expect(calibrated([1], { pointer: "/00" })).toBeNull();
  expect(calibrated({}, { pointer: "/constructor" })).toBeNull();
  expect(calibrated(1e10, { gain: 1e308 })).toBeNull();
});

test("a sub-owner overrides single parts", () => {
  const settings = { pointer: "/v", gain: 2, offset: 1, sub_owners: { b: { gain: 10, unit: "kW" } } };
  expect(calibrated({ v: 3 }, effective(settings, "a"))).toBe(7);
  expect(calibrated({ v: 3 }, effective(settings, "b"))).toBe(31);
  expect(effective(settings, "toString")).toEqual({ pointer: "/v", gain: 2, offset: 1 });
});

test("the preview computes with the draft in place of what is saved", () => {
  const settings = { gain: 5, sub_owners: { b: { offset: 100 } } };
  const preview = withDraft(settings, null, draft);
  expect(calibrated({ v: 3 }, effective(preview, "a"))).toBe(5);
  expect(calibrated({ v: 3 }, effective(preview, "b"))).toBe(106);
  expect(effective(withDraft(settings, "b", draft), "a")).toEqual({ gain: 5 });
});

test("the patch resets what is empty, and an override that has nothing left", () => {
  const some = { ...draft, gain: "", unit: " " };
  expect(patchOf(null, some)).toEqual({ settings: { pointer: "/v", gain: null, offset: -1, unit: null, steps: null } });
  const nothing = draftOf({});
  expect(patchOf("b", nothing)).toEqual({ settings: { sub_owners: { b: null } } });
});

test("every fault of a draft is named", () => {
  expect(faultsOf(draft)).toEqual({});
  const faults = faultsOf({ pointer: "v", gain: "1,5", offset: "1e999", steps: "", unit: "x".repeat(65) });
  expect(Object.keys(faults)).toEqual(["pointer", "gain", "offset", "unit"]);
  expect(faultsOf({ ...draft, pointer: "/a~2" })).toHaveProperty("pointer");
});

test("steps stand in place of gain and offset, and the form of an override decides", () => {
  const settings = { steps: [{ linear: { gain: 2 } }], sub_owners: { gain: { gain: 5 }, none: { steps: [] }, unit: { unit: "kW" } } };
  const value = (sub: string) => calibrated(3, effective(settings, sub));
  expect([value("a"), value("unit"), value("gain"), value("none")]).toEqual([6, 6, 15, 3]);
  expect(effective({ gain: 2, sub_owners: { s: { steps: [] } } }, "s")).toEqual({ steps: [] });
});

test("a draft says steps as JSON, and none beside gain or offset", () => {
  const stepped = { ...draft, gain: "", offset: "", steps: '[{"clamp":{"min":0}}]' };
  expect(faultsOf(stepped)).toEqual({});
  expect(patchOf(null, stepped)).toEqual({
    settings: { pointer: "/v", gain: null, offset: null, unit: "kW", steps: [{ clamp: { min: 0 } }] },
  });
  expect(Object.keys(faultsOf({ ...stepped, gain: "2" }))).toEqual(["gain"]);
  expect(faultsOf({ ...stepped, steps: "[1]" }).steps).toContain("at place 0");
});
