// Statuses are seen as they are committed, narrowed to one owner, and held still.

import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, PHONE, violations, type Watched } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});
beforeEach(async () => {
  watched = await open(browser, node.url);
  page = watched.page;
});
afterEach(async () => {
  await page.context().close();
  expect(watched.complaints).toEqual([]);
});

const status = (owner: string, data: unknown) => ({ dataOwnerId: owner, dataOwnerSubId: "meter", data });
/** How many of them the page's stream has brought since. */
function statusesHeard(devtools: CDPSession): () => number {
  let count = 0;
  devtools.on("Network.eventSourceMessageReceived", ({ eventName }) => (count += eventName === "status" ? 1 : 0));
  void devtools.send("Network.enable");
  return () => count;
}
const rows = () => page.locator("tbody tr");

test("a status is in the live view within a second of its commit, and only what was asked for", async () => {
  await page.goto("/live");
  await page.getByText("0 came", { exact: true }).waitFor();
  await node.send(status("plant-7", 21.5), status("other", { a: [1] }));
  await rows().filter({ hasText: "plant-7" }).filter({ hasText: "21.5" }).waitFor();
  await rows().filter({ hasText: '{"a":[1]}' }).waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByLabel("Owner, the whole id", { exact: true }).fill("other");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("0 came", { exact: true }).waitFor();
  expect(new URL(page.url()).search).toBe("?owner=other");
  await node.send(status("plant-7", 1), status("other", 2));
  await rows().waitFor();
  expect(await rows().count()).toBe(1);
  await page.setViewportSize(PHONE);
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
});

test("what comes while it is paused waits and is shown afterwards", async () => {
  await page.goto("/live?owner=still");
  await page.getByText("0 came", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await node.send(status("still", 1), status("still", 2));
  await page.getByRole("button", { name: "Go on (2 came)" }).waitFor();
  expect(await rows().count()).toBe(0);
  await page.getByRole("button", { name: "Go on (2 came)" }).click();
  await rows().nth(1).waitFor();
  expect(await rows().count()).toBe(2);
});

test("a status is on its owner's page within a second of its commit, not with the page's next look", async () => {
  const newest = page.locator("[aria-labelledby=sub-owners] a");
  await node.send(status("watched", 11.25));
  await page.clock.install();
  await page.goto("/owners/watched");
  await newest.filter({ hasText: "11.25" }).waitFor();
  await rows().filter({ hasText: "11.25" }).waitFor();
  // From here on the page's time stands still, during its next look too: one that seems to take long
  // would have the page spare the node.
  const looked = page.waitForResponse((answer) => answer.url().includes("limit=500"));
  await page.clock.pauseAt(Date.now() + 60_000);
  await looked;
  const heard = statusesHeard(await page.context().newCDPSession(page));
  await node.send(status("watched", 12.75), { dataOwnerId: "watched", dataOwnerSubId: "second", data: 13.5 });
  await expect.poll(heard, { timeout: 20_000 }).toBe(2);
  for (let passed = 0; passed < 900; passed += 300) await page.clock.runFor(300);
  await newest.filter({ hasText: "12.75" }).waitFor();
  await newest.filter({ hasText: "second" }).filter({ hasText: "13.5" }).waitFor();
  await rows().filter({ hasText: "12.75" }).waitFor();
});
