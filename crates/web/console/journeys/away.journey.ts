// The node goes away and comes back: the console says so, greys what is old, and recovers by itself.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

test("a node that is away makes what is shown stale, and its return mends it", async () => {
  await node.send({ dataOwnerId: "a", dataOwnerSubId: "b", data: 1 });
  const { page, complaints } = await open(browser, node.url);
  await page.goto("/owners");
  const row = page.getByRole("link", { name: "a", exact: true });
  await row.waitFor();
  await node.stop();
  await page.getByText("the node does not answer").first().waitFor();
  await page.locator(".frame.stale").waitFor();
  expect(await row.isVisible()).toBe(true);
  await node.again();
  await page.locator(".pulse").getByText("Live", { exact: true }).waitFor({ timeout: 40_000 });
  expect(await page.locator(".banner").count()).toBe(0);
  await node.send({ dataOwnerId: "c", dataOwnerSubId: "d", data: 1 });
  await page.getByRole("link", { name: "c", exact: true }).waitFor();
  expect(complaints).toEqual([]);
});
