import { expect, test } from "vitest";
import { linePath, nearest, padded, rangeOf, scale, ticks, timeTicks } from "./plot";

const same = (value: number) => value;

test("a line has a hole where a value is unknown", () => {
  const points = [{ at: 0, value: 1 }, { at: 1, value: 2 }, { at: 2, value: null }, { at: 3, value: 4 }];
  expect(linePath(points, same, same)).toBe("M0.0 1.0L1.0 2.0M3.0 4.0");
});

test("nothing known has no range", () => {
  expect(rangeOf([null, null])).toBeNull();
  expect(rangeOf([null, 3, -1])).toEqual({ low: -1, high: 3 });
});

test("a constant stands in the middle", () => {
  expect(scale(padded({ low: 5, high: 5 }), 0, 100)(5)).toBeCloseTo(50);
  expect(scale(padded({ low: 0, high: 0 }), 0, 100)(0)).toBeCloseTo(50);
});

test("ticks are round numbers within the range", () => {
  expect(ticks({ low: 0, high: 1 }, 4)).toEqual([0, 0.5, 1]);
  expect(ticks({ low: -3, high: 12 }, 4)).toEqual([0, 5, 10]);
  expect(ticks({ low: 1, high: 1 }, 4)).toEqual([]);
});

test("ticks of time stand at round minutes of the zone", () => {
  expect(timeTicks({ low: 61_000, high: 200_000 }, 4)).toEqual([120_000, 180_000]);
  const day = 86_400_000;
  expect(timeTicks({ low: 0, high: 2 * day }, 3, 3_600_000)).toEqual([day - 3_600_000, 2 * day - 3_600_000]);
});

test("the nearest point is found on both sides", () => {
  const points = [0, 10, 20].map((at) => ({ at, value: 1 }));
  expect([-5, 4, 6, 14, 99].map((at) => nearest(points, at))).toEqual([0, 0, 1, 1, 2]);
  expect(nearest([], 5)).toBe(-1);
});
