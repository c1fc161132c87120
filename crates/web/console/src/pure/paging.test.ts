import { expect, test } from "vitest";
import { after, before, FIRST, pageNumber, placeOf } from "./paging";

test("one goes forth and comes back the same way", () => {
  const third = after(after(FIRST, "b"), "c");
  expect(pageNumber(third)).toBe(3);
  const second = before(third);
  expect(second).toEqual({ cursor: "b", trail: [""] });
  expect(second && before(second)).toEqual(FIRST);
  expect(before(FIRST)).toBeNull();
});

test("a place survives a reload by the history's state", () => {
  const place = after(after(FIRST, "b"), "c");
  expect(placeOf(place.cursor, JSON.parse(JSON.stringify({ trail: place.trail })))).toEqual(place);
});

test("an address alone knows neither the page before nor its number", () => {
  const place = placeOf("c", null);
  expect(before(place)).toBeNull();
  expect(pageNumber(place)).toBeNull();
  expect(pageNumber(after(place, "d"))).toBeNull();
  expect(before(after(place, "d"))).toEqual(place);
});

test("a state of somebody else is passed over", () => {
  expect(placeOf("c", { trail: [1] })).toEqual({ cursor: "c", trail: [] });
  expect(placeOf(null, { trail: [""] })).toEqual(FIRST);
});
