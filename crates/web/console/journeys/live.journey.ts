// Statuses are seen as they are committed, narrowed to one owner, and held still.

import type { Browser, Page } from "playwright-core";
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
