import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import type { Preview } from "../api/types";
import { REST_MS, Trial, type Question } from "./trial.svelte";

interface Pending {
  question: Question;
  answer: (preview: Preview) => void;
  refuse: (fault: unknown) => void;
}

let asked: Pending[];
let trial: Trial;
let stop: (() => void) | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  for (const name of ["addEventListener", "removeEventListener"]) vi.stubGlobal(name, () => {});
  asked = [];
  trial = new Trial((question) => new Promise((answer, refuse) => asked.push({ question, answer, refuse })));
});
afterEach(() => {
  stop?.();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const question = (gain: number, sub = "a"): Question => ({ owner: "1", sub, settings: { gain } });
const preview = (version: number): Preview => ({ version, settings: {}, items: [] });

/** As the page's effect does. */
function tries(next: Question): void {
  trial.tries(next);
  stop?.();
  stop = trial.follow();
}

const rests = (ms = REST_MS) => vi.advanceTimersByTimeAsync(ms);

test("the node is asked once somebody rests, for what was typed last", async () => {
  tries(question(1));
  await rests(REST_MS - 1);
  tries(question(2));
  await rests(REST_MS - 1);
  expect(asked).toEqual([]);
  await rests(1);
  expect(asked.map((it) => it.question)).toEqual([question(2)]);
});

test("an answer that comes after a newer question is passed over", async () => {
  tries(question(1));
  await rests();
  tries(question(2));
  await rests();
  asked[1]!.answer(preview(2));
  await rests(0);
  asked[0]!.answer(preview(1));
  await rests(0);
  expect([trial.answer?.version, trial.stale]).toEqual([2, false]);
});

test("an older answer stays and is stale until the newer one is there", async () => {
  tries(question(1));
  await rests();
  asked[0]!.answer(preview(1));
  await rests(0);
  expect(trial.stale).toBe(false);
  tries(question(2));
  expect([trial.answer?.version, trial.stale]).toEqual([1, true]);
  tries(question(2, "b"));
  expect(trial.answer).toBeUndefined();
});

test("what cannot be asked makes the answer stale and asks nothing", async () => {
  tries(question(1));
  await rests();
  asked[0]!.answer(preview(1));
  await rests(0);
  trial.holds();
  stop?.();
  stop = trial.follow();
  await rests(60_000);
  expect([asked.length, trial.answer?.version, trial.stale]).toEqual([1, 1, true]);
});

test("a refusal is of the newest question alone", async () => {
  tries(question(1));
  await rests();
  asked[0]!.refuse(new Problem(422, "no"));
  await rests(0);
  expect(trial.fault).toBeInstanceOf(Problem);
  tries(question(2));
  expect(trial.fault).toBeUndefined();
  trial.ends();
  expect([trial.on, trial.answer]).toEqual([false, undefined]);
});

test("it is asked again for statuses that came meanwhile", async () => {
  tries(question(1));
  await rests();
  asked[0]!.answer(preview(1));
  await rests(6_000);
  expect(asked.length).toBe(2);
  expect(trial.stale).toBe(false);
});
