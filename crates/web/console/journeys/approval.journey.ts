// A newcomer waits for a decision: somebody finds it, approves it, and its statuses are there.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, violations, type Watched } from "./browser";
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

test("a newcomer is found among those that wait and approved there, the others all at once", async () => {
  await node.send(status("site-1", 1), status("site-1", 2), status("site-2", 1), status("other", 5));
  await page.goto("/approvals");
  const row = page.getByRole("row", { name: /site-1/ });
  await row.getByText("meter:").waitFor();
  await row.getByRole("cell", { name: "2", exact: true }).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Approve site-1" }).click();
  await row.waitFor({ state: "detached" });
  const statuses = "/owners/site-1/sub-owners/meter/statuses";
  await expect.poll(async () => (await node.api("GET", statuses)).items.length, { timeout: 30_000 }).toBe(2);

  await page.getByRole("searchbox").fill("site");
  await page.getByText("other").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Block all" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("They are 1.").waitFor();
  await dialog.getByRole("button", { name: "Block 1" }).click();
  await dialog.getByText("1 of 1 are done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  expect((await node.api("GET", "/owners/site-2")).state).toBe("blocked");
  expect((await node.api("GET", "/owners/other")).state).toBe("pending");
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
