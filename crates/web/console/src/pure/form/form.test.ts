import { expect, test } from "vitest";
import type { Calibration, Step } from "../../api/types";
import { calibrationOf, draftOf, fitsShort, patchOf, same, withoutSteps, withSteps, type Draft } from "./draft";
import { faultsOf, unsorted } from "./faults";
import { refusedAt } from "./refused";
import { cellsIn, moved, pasted, sorted } from "./rows";
import { newStep, readStep, rowOf, writeStep, type Kind, type TableDraft } from "./step";

const KINDS: Kind[] = ["linear", "polynomial", "table", "clamp", "labels"];
const draft = (part: Calibration = {}, more: Partial<Draft> = {}): Draft => ({ ...draftOf(part), ...more });
const stepped = (...steps: unknown[]) => draft({ steps: steps as Step[] });

const every: Step[] = [
  { labels: { map: { open: 1, "": 0, ["__proto__"]: 2 }, otherwise: -1 } },
  { linear: { gain: 0.1, offset: -273.15 } },
  { polynomial: { coefficients: [1, 0, 2e-7] } },
  { table: { points: [[4, 0], [20, 100]], outside: "clamp" } },
  { clamp: { min: 0, max: 100 } },
];

test("what is set is read into the form and written back as it was", () => {
  for (const part of [{}, { gain: 2 }, { pointer: "/v", unit: "kW", offset: -1 }, { steps: [] }, { steps: every }]) {
    expect(calibrationOf(draftOf(part))).toEqual(part);
    expect(faultsOf(draftOf(part))).toEqual({});
  }
});

test("what a newer node says of a step survives, and so does a step of an unknown kind", () => {
  const newer = [
    { linear: { gain: 2, since: "2027" } },
    { table: { points: [[0, 1, "ice"], [1, 2]], outside: "wrap", smooth: true } },
    { lag: { seconds: 3 } },
    { linear: { gain: "two" } },
    { clamp: { min: 1 }, note: "x" },
  ];
  const read = stepped(...newer);
  expect(read.steps.map(({ kind }) => kind)).toEqual(["linear", "table", "other", "other", "other"]);
  expect(calibrationOf(read).steps).toEqual(newer);
  Object.assign(read.steps[0]!, { gain: "3" });
  expect(writeStep(read.steps[0]!)).toEqual({ linear: { gain: 3, since: "2027" } });
});

test("the patch names the parts that are known and resets what is empty", () => {
  const some = draft({ pointer: "/v", gain: 2 }, { gain: " ", unit: " " });
  expect(patchOf(null, some, {})).toEqual({ settings: { pointer: "/v", gain: null, offset: null, unit: null, steps: null } });
});

test("an override that has nothing left goes, unless it says what is unknown here", () => {
  expect(patchOf("b", draft(), { gain: 2 })).toEqual({ settings: { sub_owners: { b: null } } });
  const patch = patchOf("b", draft(), { gain: 2, smooth: true } as Calibration);
  expect(patch.settings).toHaveProperty("sub_owners.b.gain", null);
});

test("gain and offset become a linear step, and that becomes gain and offset again", () => {
  const steps = withSteps(draft({ gain: 2, offset: 1 }), undefined);
  expect(calibrationOf(steps)).toEqual({ steps: [{ linear: { gain: 2, offset: 1 } }] });
  expect(calibrationOf(withoutSteps(steps))).toEqual({ gain: 2, offset: 1 });
  expect(calibrationOf(withSteps(draft(), undefined))).toEqual({ steps: [] });
});

test("a way there and back loses nothing that was typed", () => {
  const two = draft({ steps: [{ clamp: { min: 0 } }, { linear: { gain: 3 } }] });
  const short = withoutSteps(two);
  expect([calibrationOf(short), fitsShort(short)]).toEqual([{}, false]);
  expect(same(withSteps(short, undefined), two)).toBe(true);
  const typed = withoutSteps(withSteps(draft({}, { gain: "1,5" }), undefined));
  expect(typed.gain).toBe("1,5");
});

test("an override begins with what it had from the owner", () => {
  const owner = { gain: 2, offset: 5 };
  expect(calibrationOf(withSteps(draft({ gain: 3 }), owner)).steps).toEqual([{ linear: { gain: 3, offset: 5 } }]);
  expect(calibrationOf(withSteps(draft(), { steps: every })).steps).toEqual(every);
});

test("numbers are told how to be mended, and a minus of a text counts", () => {
  const fault = (gain: string) => faultsOf(draft({}, { gain })).gain;
  for (const fine of ["", "1e-3", ".5", "5.", "+1", "\u2212273.15", " 7 "]) expect(fault(fine), fine).toBeUndefined();
  expect(calibrationOf(draft({}, { gain: "\u22122" }))).toEqual({ gain: -2 });
  expect(fault("1,5")).toContain("1.5");
  expect(fault("1e999")).toContain("too large");
  for (const wrong of ["x", "0x10", "Infinity", "1 2"]) expect(fault(wrong), wrong).toContain("is no number");
});

test("a pointer and a unit are told how to be mended", () => {
  expect(faultsOf(draft({ pointer: "a.b" })).pointer).toContain("/a/b");
  expect(faultsOf(draft({ pointer: "/a~2" })).pointer).toContain("~0");
  expect(faultsOf(draft({ unit: "x".repeat(65) })).unit).toContain("65");
});

test("a new step has to be filled in, all but a linear one", () => {
  const places = (kind: Kind) => Object.keys(faultsOf({ ...draft(), form: "steps", steps: [newStep(kind)] }));
  expect(Object.fromEntries(KINDS.map((kind) => [kind, places(kind)]))).toEqual({
    linear: [],
    polynomial: ["steps.0.polynomial.coefficients.0.0", "steps.0.polynomial.coefficients.1.0"],
    table: ["0.0", "0.1", "1.0", "1.1"].map((cell) => `steps.0.table.points.${cell}`),
    clamp: ["steps.0.clamp"],
    labels: ["steps.0.labels.map.0.1"],
  });
});

test("every rule of the node is told at its place", () => {
  const points = (...points: [number, number][]) => ({ table: { points, outside: "refuse" } });
  const faulty = stepped(
    { clamp: { min: 2, max: 1 } },
    { labels: { map: { ["x".repeat(129)]: 1 } } },
    points([0, 1], [0, 2], [1e308, 0], [-1e308, 0]),
    points([-1e308, 0], [1e308, 0]),
    { table: { points: [], outside: "refuse" } },
    { polynomial: { coefficients: [] } },
    { labels: { map: {} } },
  );
  expect(Object.keys(faultsOf(faulty))).toEqual([
    "steps.0.clamp",
    "steps.1.labels",
    "steps.1.labels.map.0.0",
    "steps.2.table.points.1",
    "steps.2.table.points.3",
    "steps.3.table.points.1",
    "steps.4.table.points",
    "steps.5.polynomial.coefficients",
    "steps.6.labels",
    "steps.6.labels.map",
  ]);
  const many = stepped(...Array.from({ length: 17 }, () => ({ linear: {} })));
  expect(Object.keys(faultsOf(many))).toEqual(["steps"]);
});

test("a label stands once", () => {
  const labels = readStep({ labels: { map: { open: 1 } } });
  if (labels.kind === "labels") labels.rows.push(rowOf(["open", "2"]));
  expect(Object.keys(faultsOf({ ...draft(), form: "steps", steps: [labels] }))).toEqual(["steps.0.labels.map.1.0"]);
});

test("what the node refuses is told at the field, and what is not in the form beside it", () => {
  const form = stepped({ labels: { map: { "a.b": 1 } } }, { table: { points: [[0, 1], [1, 2]] } }, { lag: {} });
  const at = (field: string, scope: string | null = null) => Object.keys(refusedAt([{ field, detail: "no" }], scope, form).faults);
  expect(at("settings.pointer")).toEqual(["pointer"]);
  expect(at("settings.steps.0.labels.map.a.b")).toEqual(["steps.0.labels.map.0"]);
  expect(at("settings.steps.1.table.points.1")).toEqual(["steps.1.table.points.1"]);
  expect(at("settings.steps.1.table.smooth")).toEqual(["steps.1.table"]);
  expect(at("settings.steps.2.lag.seconds")).toEqual(["steps.2.other"]);
  expect(at("settings.sub_owners.x.y.unit", "x.y")).toEqual(["unit"]);
  for (const elsewhere of ["settings.gain", "settings.sub_owners.b.gain", "limit"]) expect(at(elsewhere)).toEqual([]);
  const shape = refusedAt([{ field: "settings", detail: "steps.2: unknown variant `lag`" }], null, form);
  expect(shape).toEqual({ faults: { "steps.2.other": "unknown variant `lag`" }, others: [] });
});

test("steps are moved within the list", () => {
  expect(moved(["a", "b", "c"], 0, 1)).toEqual(["b", "a", "c"]);
  expect(moved(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
  for (const by of [-1, 3]) expect(moved(["a", "b"], 0, by)).toEqual(["a", "b"]);
});

test("points are sorted by x, and what has none stays behind", () => {
  const rows = [["20", "1"], ["x", "2"], ["-4", "3"]].map((cells) => rowOf(cells));
  expect(unsorted({ rows } as TableDraft)).toBe(true);
  expect(sorted(rows).map(({ cells }) => cells[0])).toEqual(["-4", "20", "x"]);
});

test("lines of a spreadsheet are pasted over the rows and behind them", () => {
  expect(cellsIn("4\t0\r\n20\t100\n")).toEqual([["4", "0"], ["20", "100"]]);
  expect(cellsIn("4;0,5\n20;1")).toEqual([["4", "0,5"], ["20", "1"]]);
  expect(cellsIn("4\t0")).toEqual([["4", "0"]]);
  for (const one of ["1,5", "open", ""]) expect(cellsIn(one)).toBeNull();
  const rows = [rowOf(["a", "b"]), rowOf(["c", "d"], ["kept"])];
  const after = pasted(rows, { row: 1, cell: 0 }, [["1", "2"], ["3"]], 2);
  expect(after.map(({ cells }) => cells)).toEqual([["a", "b"], ["1", "2"], ["3", ""]]);
  expect(after[1]).toMatchObject({ id: rows[1]!.id, rest: ["kept"] });
});
