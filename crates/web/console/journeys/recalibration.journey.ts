// Statuses that were stored before get the values of a new calibration.

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
  await node.send(...[20, 21, 22].map((data) => ({ dataOwnerId: "plant-7", dataOwnerSubId: "boiler", data })));
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

test("what is stored is counted, recalibrated, and said to be done", async () => {
  await page.goto("/owners/plant-7");
  await page.getByText("22", { exact: true }).first().waitFor();
  await node.api("PATCH", "/owners/plant-7", { settings: { gain: 1000 } });
  await page.getByRole("button", { name: "Recalibrate …" }).click();
  const dialog = page.getByRole("dialog", { name: "Recalibrate plant-7" });
  await dialog.getByText("3 statuses have an earlier version.").waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Recalibrate them" }).click();
  const jobs = page.getByRole("region", { name: "Recalibration", exact: true });
  await jobs.getByText("done", { exact: true }).waitFor();
  await jobs.getByText("3 of 3").waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByText(/^22,?000$/).first().waitFor();
});
