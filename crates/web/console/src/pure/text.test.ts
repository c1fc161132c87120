import { expect, test } from "vitest";
import { bytesOf, hexLines, pretty, size } from "./bytes";
import { stoppedBefore } from "./gap";
import { numberOf, parseExact } from "./exact";
import { match } from "./pattern";
import { numbersIn } from "./pointer";
import { sorted, sortingOf, sortText } from "./sort";

test("an id in a path may hold anything", () => {
  expect(match("/owners/:id", "/owners/a%2Fb%25")).toEqual({ id: "a/b%" });
  expect(match("/owners", "/owners/")).toEqual({});
  expect(match("/owners/:id", "/owners/")).toBeNull();
  expect(match("/owners/:id", "/owners/%FF")).toBeNull();
  expect(match("/", "/")).toEqual({});
});

test("a body is shown in hex with what is printable", () => {
  expect(hexLines(bytesOf("/wBB"))).toEqual([{ at: "000000", hex: "ff 00 41", text: "··A" }]);
  expect(hexLines(new Uint8Array(40), 32)).toHaveLength(2);
  expect([size(12), size(1536), size(1048576)]).toEqual(["12 B", "1.5 KiB", "1 MiB"]);
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("{")).toBe("{");
});

test("what is unknown is sorted last, either way", () => {
  const rows = [{ lag: null }, { lag: 2 }, { lag: 10 }];
  const lags = (down: boolean) => sorted(rows, (row) => row.lag, down).map((row) => row.lag);
  expect(lags(false)).toEqual([2, 10, null]);
  expect(lags(true)).toEqual([10, 2, null]);
  expect(sortText(sortingOf("-lag", "id"))).toBe("-lag");
  expect(sortingOf(null, "id")).toEqual({ column: "id", down: false });
});

test("only a stop before a gap can be accepted", () => {
  const fault =
    "partition 3 stopped before a gap: the hub does not have the 5 events from 10 to 14 (missing); accept the " +
    'loss by POST /api/v1/partitions/3/accept-gap with {"upto_sequence_number": 14}, or set source.on_gap to continue';
  expect(stoppedBefore(fault)).toBe(14);
  expect(stoppedBefore("the lease lapsed")).toBeNull();
  expect(stoppedBefore(null)).toBeNull();
});

test("numbers in a datum are offered as pointers", () => {
  expect(numbersIn({ a: { "x/y": 1 }, b: ["t", 2], c: "3" })).toEqual(["/a/x~1y", "/b/1"]);
  expect(numbersIn(5)).toEqual([""]);
});

test("large whole numbers keep their digits where the engine tells them, and are numbers still", () => {
  const text = '{"count":12345678901234567890,"small":12,"rough":1e30}';
  const data = parseExact(text) as Record<string, unknown>;
  if ("rawJSON" in JSON) expect(JSON.stringify(data)).toBe('{"count":12345678901234567890,"small":12,"rough":1e+30}');
  expect([data.count, data.small, data.rough].map(numberOf)).toEqual([12345678901234567890, 12, 1e30]);
  expect(numberOf("12")).toBeNull();
});
