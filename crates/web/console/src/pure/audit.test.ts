import { expect, test } from "vitest";
import { noBefore, unchanged } from "./audit";

const row = { status: 201, before: null, after: null };

test("a row without both sides says whether it was refused", () => {
  expect(unchanged({ ...row, status: 200 })).toBe("Nothing was changed.");
  expect(unchanged({ ...row, status: 399 })).toBe("Nothing was changed.");
  expect(unchanged({ ...row, status: 400 })).toBe("It was refused: nothing was changed.");
  expect(unchanged({ ...row, status: 503 })).toBe("It was refused: nothing was changed.");
  expect(unchanged({ ...row, status: null })).toBe("The node never told how it ended.");
});

test("a row with one side shows it", () => {
  expect(unchanged({ ...row, after: { owner_id: "a" } })).toBeNull();
  expect(unchanged({ ...row, before: { owner_id: "a" } })).toBeNull();
});

test("only a creation claims that there was nothing before", () => {
  expect(noBefore({ ...row, after: {} })).toBe("It was not there.");
  expect(noBefore({ ...row, status: 200, after: {} })).toBe("–");
});
