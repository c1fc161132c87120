// A dead letter is mended and replayed; many are replayed and discarded after a look.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, violations, type Watched } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start("--set", "hub.partitions=1"), launch()]);
  await node.sendLines('{"dataOwnerId": "plant-7", "dataOwnerSubId": "boiler"}\nnot json\nnor this\n');
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

test("a letter is mended, and what is still wrong is said", async () => {
  await page.goto("/dead-letters");
  await page.getByLabel("Reason").selectOption("missing_field");
  await page.getByRole("button", { name: "partition 0, 0" }).click();
  await page.getByRole("button", { name: "Mend and replay" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Replay", exact: true }).click();
  await dialog.getByRole("alert").getByText("missing_field").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByLabel("Body").fill('{"dataOwnerId": "plant-7", "dataOwnerSubId": "boiler", "data": 80}');
  await dialog.getByRole("button", { name: "Replay", exact: true }).click();
  await page.getByRole("button", { name: "Mend and replay" }).waitFor({ state: "detached" });
  await page.goto("/owners/plant-7");
  await page.getByText("80", { exact: true }).first().waitFor();
});

test("what is left is counted, tried and discarded", async () => {
  await page.goto("/dead-letters");
  await page.getByRole("button", { name: "Replay all" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("They are 2").waitFor();
  await dialog.getByRole("button", { name: "Replay 2" }).click();
  await dialog.getByText("2 stay open: not json").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Discard all" }).click();
  await dialog.getByRole("button", { name: "Discard 2" }).click();
  await dialog.getByText("2 of 2 are done").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByText("discarded", { exact: true }).first().waitFor();
  expect((await node.api("GET", "/dead-letters?state=open")).items).toEqual([]);
});
