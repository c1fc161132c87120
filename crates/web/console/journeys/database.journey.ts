// The database goes away and comes back while the node stays: the console says which of the two it
// is, greys what is old, and recovers by itself.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open } from "./browser";
import { Node } from "./node";
import { Postgres } from "./postgres";

let postgres: Postgres;
let node: Node;
let browser: Browser;

beforeAll(async () => {
  [postgres, browser] = await Promise.all([Postgres.start(), launch()]);
  node = await Node.start("--set", `store.url=${postgres.url}`);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
  await postgres?.end();
});

const boiler = (data: number) => ({ dataOwnerId: "plant-7", dataOwnerSubId: "boiler", data });

test("a database that is away is told from a node that is, and its return mends every open page", { timeout: 120_000 }, async () => {
  await node.send(boiler(21.5));
  const [overview, owner] = await Promise.all([open(browser, node.url), open(browser, node.url)]);
  const both = [overview, owner];
  await overview.page.goto("/");
  await overview.page.getByText("ready", { exact: true }).waitFor();
  await owner.page.goto("/owners/plant-7");
  const newest = owner.page.locator("[aria-labelledby=sub-owners] a");
  await newest.filter({ hasText: "21.5" }).waitFor();
  // Lost with a reload.
  for (const { page } of both) await page.evaluate("window.kept = true");

  await postgres.stop();
  for (const { page } of both) {
    await page.locator(".frame.stale .banner").getByText("the database is not available").waitFor({ timeout: 40_000 });
    await page.locator(".pulse").getByText("Stale", { exact: true }).waitFor();
  }
  expect(await newest.filter({ hasText: "21.5" }).isVisible()).toBe(true);

  await postgres.again();
  for (const { page } of both) {
    await page.locator(".pulse").getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
    await expect.poll(() => page.locator(".banner").count(), { timeout: 60_000 }).toBe(0);
  }
  await overview.page.getByText("ready", { exact: true }).waitFor({ timeout: 60_000 });
  await node.send(boiler(22.75));
  await newest.filter({ hasText: "22.75" }).waitFor({ timeout: 60_000 });
  for (const { page, complaints } of both) {
    expect(await page.evaluate("window.kept")).toBe(true);
    expect(complaints).toEqual([]);
  }
});
