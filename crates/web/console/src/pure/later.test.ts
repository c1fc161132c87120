import { expect, test } from "vitest";
import { laterOf } from "./later";

const at = (status_at: string, value: number) => ({ status_at, value });

test("the later status counts, whatever its zone, and of one moment the one that was read", () => {
  const read = at("2026-11-27T10:00:00Z", 1);
  expect(laterOf(undefined, read)).toBe(read);
  expect(laterOf(read, at("2026-11-27T09:59:59.999Z", 2))).toBe(read);
  expect(laterOf(read, at("2026-11-27T12:00:00+02:00", 2))).toBe(read);
  expect(laterOf(read, at("2026-11-27T10:00:00.001Z", 2)).value).toBe(2);
});
