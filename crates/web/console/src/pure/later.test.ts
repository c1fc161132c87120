import { expect, test } from "vitest";
import { laterOf } from "./later";

const at = (status_at: string, value: number, place = {}) =>
  ({ status_at, enqueued_at: "2026-11-27T10:00:01Z", partition_id: 3, sequence_number: 7, ...place, value });

test("the later status counts, whatever its zone, and of the same one the one that was read", () => {
  const read = at("2026-11-27T10:00:00Z", 1);
  expect(laterOf(undefined, read)).toBe(read);
  expect(laterOf(read, at("2026-11-27T09:59:59.999Z", 2))).toBe(read);
  expect(laterOf(read, at("2026-11-27T12:00:00+02:00", 2))).toBe(read);
  expect(laterOf(read, at("2026-11-27T10:00:00.001Z", 2)).value).toBe(2);
});

test.each([
  ["the time in the hub", { enqueued_at: "2026-11-27T10:00:01.001Z", partition_id: 0 }, { enqueued_at: "2026-11-27T10:00:00.999Z", partition_id: 9 }],
  ["the partition", { partition_id: 4, sequence_number: 0 }, { partition_id: 2, sequence_number: 9 }],
  ["the number in it", { sequence_number: 8 }, { sequence_number: 6 }],
])("of the same moment, %s decides", (_, later, earlier) => {
  const read = at("2026-11-27T10:00:00Z", 1);
  expect(laterOf(read, at("2026-11-27T10:00:00Z", 2, later)).value).toBe(2);
  expect(laterOf(read, at("2026-11-27T10:00:00Z", 2, earlier))).toBe(read);
});
