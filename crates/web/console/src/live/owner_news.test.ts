import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FLUSH_MS, OwnerNews } from "./owner_news.svelte";

class Source extends EventTarget {
  static last: Source;
  constructor(readonly url: string) {
    super();
    Source.last = this;
  }
  close(): void {}
}

let news: OwnerNews;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("location", new URL("http://127.0.0.1/owners/1"));
  news = new OwnerNews();
  stop = news.follow("1");
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A status that the node tells, and the page with its next flush. */
function comes(sub: string, sequence_number: number, data: number): void {
  const at = "2026-11-28T10:00:00Z";
  const row = { owner_id: "1", sub_owner_id: sub, partition_id: 0, sequence_number, enqueued_at: at, status_at: at, data };
  Source.last.dispatchEvent(new MessageEvent("status", { data: JSON.stringify(row) }));
  vi.advanceTimersByTime(FLUSH_MS);
}

test("the latest of what came is kept, also where both are of the same millisecond", () => {
  comes("a", 2, 20);
  comes("a", 1, 10);
  comes("b", 1, 1);
  expect(news.newestOf("a")?.data).toBe(20);
  expect(news.newestOf("b")?.data).toBe(1);
  comes("a", 3, 30);
  expect(news.newestOf("a")?.data).toBe(30);
});

test("what had come before something was read is forgotten with the answer, and no sooner", () => {
  comes("a", 1, 10);
  comes("b", 1, 1);
  const read = news.reading();
  comes("b", 2, 2);
  expect(news.newestOf("a")?.data).toBe(10);
  read();
  expect(news.newestOf("a")).toBeUndefined();
  expect(news.newestOf("b")?.data).toBe(2);
});

test("whoever follows hears who sent, once for each flush", () => {
  const heard: unknown[] = [];
  news.onNews((senders) => heard.push(senders && [...senders]));
  comes("a", 1, 10);
  vi.advanceTimersByTime(10 * FLUSH_MS);
  Source.last.dispatchEvent(new MessageEvent("lagged", { data: JSON.stringify({ of: "status", dropped: 3 }) }));
  vi.advanceTimersByTime(FLUSH_MS);
  expect(heard).toEqual([["a"], null]);
});
