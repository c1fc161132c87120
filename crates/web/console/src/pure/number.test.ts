import { expect, test } from "vitest";
import { count, counted, measured, rate, short } from "./number";

test("thousands are set apart by a space that does not break", () => {
  expect(count(0)).toBe("0");
  expect(count(1_000_000)).toBe("1\u202f000\u202f000");
});

test("what is unknown is a dash and never 0", () => {
  for (const show of [count, rate, measured]) {
    expect(show(null)).toBe("–");
    expect(show(undefined)).toBe("–");
  }
});

test("a rate has a decimal only while it is small", () => {
  expect(rate(0)).toBe("0");
  expect(rate(12.34)).toBe("12.3");
  expect(rate(1234.5)).toBe("1\u202f235");
});

test("an axis has three digits and a letter", () => {
  expect([0, 12.5, 1200, 34_000_000, -2500].map(short)).toEqual(["0", "12.5", "1.2k", "34M", "-2.5k"]);
});

test("a value is shown without the noise of its last bits", () => {
  expect(measured(0.1 + 0.2)).toBe("0.3");
  expect(measured(-273.15)).toBe("-273.15");
});

test("one is singular", () => {
  expect(counted(1, "owner")).toBe("1 owner");
  expect(counted(0, "owner")).toBe("0 owners");
  expect(counted(2, "delivery", "deliveries")).toBe("2 deliveries");
});
