import { expect, test } from "vitest";
import { duration, exact, instant, relative, timeOfDay } from "./time";

const at = Date.UTC(2026, 10, 23, 10, 0, 0, 123);

test("an age has one unit and is rounded down", () => {
  expect(relative(at, at + 900)).toBe("just now");
  expect(relative(at, at + 12_900)).toBe("12 s ago");
  expect(relative(at, at + 119_000)).toBe("1 min ago");
  expect(relative(at, at + 47 * 3_600_000)).toBe("47 h ago");
  expect(relative(at, at + 49 * 3_600_000)).toBe("2 days ago");
  expect(relative(at, at - 30_000)).toBe("in 30 s");
});

test("a duration has at most two units", () => {
  expect(duration(0)).toBe("0 s");
  expect(duration(0.44)).toBe("0.4 s");
  expect(duration(9.96)).toBe("10 s");
  expect(duration(59.6)).toBe("1 min");
  expect(duration(200)).toBe("3 min 20 s");
  expect(duration(7_500)).toBe("2 h 5 min");
  expect(duration(3 * 86_400)).toBe("3 d");
});

test("what is unknown is a dash and never 0", () => {
  expect(duration(null)).toBe("–");
  expect(duration(undefined)).toBe("–");
  expect(duration(NaN)).toBe("–");
});

test("an exact time names its zone", () => {
  expect(exact(at, "utc")).toBe("2026-11-23 10:00:00.123 UTC");
  expect(exact(at, "local")).toMatch(/^2026-11-2\d \d\d:\d\d:00\.123 [+-]\d\d:\d\d$/);
  expect(timeOfDay(at, "utc")).toBe("10:00:00");
});

test("a local time is the same instant", () => {
  const text = exact(at, "local").replace(" ", "T").replace(" ", "");
  expect(Date.parse(text)).toBe(at);
});

test("microseconds are read, and what is no time is null", () => {
  expect(instant("2026-11-23T10:00:00.123456Z")).toBe(at);
  expect(instant("soon")).toBeNull();
  expect(instant(null)).toBeNull();
});
