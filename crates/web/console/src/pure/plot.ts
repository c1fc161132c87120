// Geometry of the charts: from points in time to SVG paths.

import type { Point } from "../live/series";

export interface Range {
  low: number;
  high: number;
}

/** The range of what is known; null, if nothing is. */
export function rangeOf(values: readonly (number | null)[]): Range | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return known.reduce((range, value) => ({ low: Math.min(range.low, value), high: Math.max(range.high, value) }), {
    low: Infinity,
    high: -Infinity,
  });
}

/** A little air above and below; a constant gets a range to stand in the middle of. */
export function padded({ low, high }: Range): Range {
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return { low: low - air, high: high + air };
}

export function scale({ low, high }: Range, from: number, to: number): (value: number) => number {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Round numbers within the range, about `wanted` of them. */
export function ticks({ low, high }: Range, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((it) => it * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

const TIME_STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800].map((s) => s * 1000);

/** Times at round minutes or hours of the zone that is `shift` ms ahead of UTC. */
export function timeTicks({ low, high }: Range, wanted: number, shift = 0): number[] {
  const step = TIME_STEPS.find((it) => (high - low) / it <= wanted) ?? 4 * 604_800_000;
  const first = Math.ceil((low + shift) / step);
  const last = Math.floor((high + shift) / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step - shift);
}

/** A line through the points, interrupted where a value is unknown. */
export function linePath(points: readonly Point[], x: (at: number) => number, y: (value: number) => number): string {
  let pen = "M";
  let path = "";
  for (const { at, value } of points) {
    if (value === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/** The index of the point nearest to a time, by bisection; -1 of none. */
export function nearest(points: readonly Point[], at: number): number {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const [left, right] = [points[low - 1], points[low]];
  return left && right && at - left.at < right.at - at ? low - 1 : Math.min(low, points.length - 1);
}
