// The pictures in the README: a node with a simulated fleet, looked at for a while.

import { mkdir } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { DESK, launch, open } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;

beforeAll(async () => {
  await mkdir("pictures", { recursive: true });
  [node, browser] = await Promise.all([Node.start("--simulate", "200"), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

const take = (page: Page, name: string) => page.screenshot({ path: `pictures/${name}.png` });

test("pictures", async () => {
  await node.sendLines('not json\n{"dataOwnerId": "plant-7", "data": 1}\n');
  const { page } = await open(browser, node.url, { viewport: { ...DESK, height: 620 } });
  await page.goto("/");
  // Long enough for the sparklines to have a past.
  await page.waitForTimeout(120_000);
  await take(page, "overview");
  await node.api("PATCH", "/owners/owner-000001", { display_name: "Wharf 3", settings: { pointer: "/temperature", unit: "°C" } });
  await page.waitForTimeout(40_000);
  await page.setViewportSize({ ...DESK, height: 1300 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/owners/owner-000001?sub=thermometer-0");
  await page.getByRole("button", { name: "Steps" }).click();
  await page.getByRole("button", { name: "Linear" }).click();
  await page.getByLabel("Gain").fill("1.02");
  await page.getByLabel("Offset").fill("-0.4");
  await page.getByText("Up to date").waitFor();
  await page.evaluate("scrollTo(0, 0)");
  await take(page, "owner");
});

test("newcomers that wait", async () => {
  const waiting = await Node.start("--simulate", "9", "--set", "registry.provisioning=approve");
  try {
    const { page } = await open(browser, waiting.url, { viewport: { ...DESK, height: 600 } });
    await page.goto("/approvals");
    await page.getByRole("row").nth(9).waitFor();
    await page.waitForTimeout(30_000);
    await take(page, "approvals");
  } finally {
    await waiting.end();
  }
});
