// A newcomer waits for a decision: somebody finds it, approves it, and its statuses are there.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, type Watched } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start("--set", "registry.provisioning=approve"), launch()]);
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

const status = (owner: string, data: number) => ({ dataOwnerId: owner, dataOwnerSubId: "meter", data });

test("a newcomer appears as pending, is approved, and what was held is there", async () => {
  await page.goto("/owners?state=pending");
  await node.send(status("plant-7", 1), status("plant-7", 2));
  await page.getByRole("link", { name: "plant-7" }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("What is held is stored").waitFor();
  await page.getByRole("button", { name: "Approve it" }).click();
  await page.getByText("active", { exact: true }).first().waitFor();
  const statuses = "/owners/plant-7/sub-owners/meter/statuses";
  await expect.poll(async () => (await node.api("GET", statuses)).items.length, { timeout: 30_000 }).toBe(2);
});

test("a blocked owner is restored, and a decision about what has changed meanwhile is not made", async () => {
  await page.goto("/owners/plant-7");
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("button", { name: "Block it" }).click();
  await page.getByText("blocked", { exact: true }).first().waitFor();

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await node.api("POST", "/owners/plant-7/restore");
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("active", { exact: true }).first().waitFor();
});
