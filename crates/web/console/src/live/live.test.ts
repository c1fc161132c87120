import { expect, test } from "vitest";
import { pause, pauseForNews } from "./pause";
import { grownBy, growth, Series } from "./series";

const calm = { period: 2_000, failures: 0, hidden: false, took: 20 };

test("a poll backs off up to half a minute and never below its period", () => {
  expect(pause(calm, 0.9)).toBe(2_000);
  expect(pause({ ...calm, failures: 1 }, 0.5)).toBe(4_000);
  expect(pause({ ...calm, failures: 60 }, 0.5)).toBe(30_000);
  expect(pause({ ...calm, failures: 60 }, 0)).toBe(24_000);
});

test("what was slow to answer is left in peace for longer", () => {
  expect(pause({ ...calm, took: 700 }, 0.5)).toBe(7_000);
});

test("news is asked for soon, of a node that answers quickly", () => {
  expect(pauseForNews(20)).toBe(200);
  expect(pauseForNews(700)).toBe(pause({ ...calm, took: 700 }, 0.5));
});

test("what nobody looks at is asked for less often", () => {
  expect(pause({ ...calm, hidden: true }, 0.5)).toBe(10_000);
});

test("a series forgets what is older than its span and keeps a hole as a hole", () => {
  const series = new Series(1_000);
  series.add(0, 1);
  series.add(900, undefined);
  series.add(1_500, 3);
  expect(series.points).toEqual([{ at: 900, value: null }, { at: 1_500, value: 3 }]);
});

test("growth is unknown across a hole, and a counter that began anew did not shrink", () => {
  const points = (...values: (number | null)[]) => values.map((value, index) => ({ at: index * 2_000, value }));
  expect(growth(points(10, 30))).toBe(10);
  expect(growth(points(10, null, 30))).toBeNull();
  expect(growth(points(10))).toBeNull();
  expect(growth(points(10, 0))).toBe(0);
  expect(grownBy(points(null, 5, 9))).toBe(4);
  expect(grownBy(points(null))).toBeNull();
});
