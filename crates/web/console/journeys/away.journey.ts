// The node goes away, in an orderly way or killed, and comes back: the console says so, greys what is old, and recovers by itself.

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

test.each([
  ["stopped", () => node.stop()],
  ["killed", () => node.kill()],
] as const)("a node that is %s makes what is shown stale, and its return mends it", async (how, leave) => {
  const [before, after] = [`before-${how}`, `after-${how}`];
  await node.send({ dataOwnerId: before, dataOwnerSubId: "b", data: 1 });
  const { page, complaints } = await open(browser, node.url);
  await page.goto("/owners");
  const row = page.getByRole("link", { name: before, exact: true });
  await row.waitFor();
  await leave();
  await page.locator(".banner").getByText("the node does not answer").waitFor();
  await page.locator(".frame.stale").waitFor();
  expect(await row.isVisible()).toBe(true);
  await node.again();
  await page.locator(".pulse").getByText("Live", { exact: true }).waitFor({ timeout: 40_000 });
  expect(await page.locator(".banner").count()).toBe(0);
  await node.send({ dataOwnerId: after, dataOwnerSubId: "d", data: 1 });
  await page.getByRole("link", { name: after, exact: true }).waitFor();
  await page.context().close();
  expect(complaints).toEqual([]);
});
