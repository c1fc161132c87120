// Every page, in both themes, wide and narrow: axe finds nothing, the page does not scroll
// sideways, and the content security policy is never breached. What each looks like lies in
// `screenshots/` afterwards.

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DESK, launch, open, PHONE, violations } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;

const PAGES = [
  ["/", "reading"],
  ["/owners", "Entered"],
  ["/owners?q=nobody", "No owner matches"],
  ["/owners/plant-7", "Newest statuses"],
  ["/owners/nobody", "not on the roll"],
  ["/owners?state=active", "All that match"],
  ["/live", "Nothing came yet"],
  ["/approvals", "Nobody waits"],
  ["/partitions?open=1-0", "Epoch of the lease"],
  ["/nodes", "Owner actors"],
  ["/dead-letters", "not json"],
  ["/events", "journal"],
  ["/access", "No key was made yet"],
  ["/settings?q=shards", "registry.owner_shards"],
  ["/audit", "PATCH /owners/plant-7"],
  ["/nothing", "There is nothing here"],
] as const;

const LOOKS = [
  ["light", "wide", DESK],
  ["light", "narrow", PHONE],
  ["dark", "wide", DESK],
  ["dark", "narrow", PHONE],
] as const;

const SCREENSHOTS = fileURLToPath(new URL("screenshots", import.meta.url));

/** A picture of what a path shows, as high as the page is. */
async function picture(page: Page, path: string, look: string): Promise<void> {
  const name = path === "/" ? "overview" : path.slice(1).replaceAll(/\W+/g, "-");
  await page.screenshot({ path: `${SCREENSHOTS}/${name}-${look}.png`, fullPage: true });
}

beforeAll(async () => {
  await rm(SCREENSHOTS, { recursive: true, force: true });
  [node, browser] = await Promise.all([Node.start(), launch()]);
  await node.sendLines('not json\n{"dataOwnerId": "plant-7", "dataOwnerSubId": "boiler", "data": {"value": 3}}\n');
  await node.api("PATCH", "/owners/plant-7", { settings: { pointer: "/value", unit: "kW" } });
  const sent = Array.from({ length: 5 }, (_, value) => ({ dataOwnerId: "plant-7", dataOwnerSubId: "boiler", data: { value } }));
  await node.send(...sent);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

test.each(LOOKS)("every page is accessible: %s and %s", async (colorScheme, width, viewport) => {
  const { page, complaints } = await open(browser, node.url, { colorScheme, viewport });
  for (const [path, text] of PAGES) {
    await page.goto(path);
    await page.locator("main").getByText(text).locator("visible=true").first().waitFor();
    expect(await violations(page), path).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path).toBe(true);
    await picture(page, path, `${colorScheme}-${width}`);
  }
  await page.keyboard.press("?");
  expect(await violations(page), "help").toEqual([]);
  await page.context().close();
  expect(complaints).toEqual([]);
});

test.each(LOOKS)("the description of the API is accessible, open and shut: %s and %s", async (colorScheme, _, viewport) => {
  const { page, complaints } = await open(browser, node.url, { colorScheme, viewport });
  await page.goto("/docs#patchOwnersOwnerId");
  await page.getByRole("heading", { name: "Body" }).waitFor();
  await page.getByText("The parts of a calibration").click();
  await page.locator("#shape-CalibrationOverride table").waitFor();
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await page.context().close();
  expect(complaints).toEqual([]);
});

test("the chosen theme is kept", async () => {
  const { page } = await open(browser, node.url, { colorScheme: "light" });
  await page.goto("/");
  const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const light = await ground();
  await page.keyboard.press("t");
  await page.keyboard.press("t");
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  expect(await ground()).not.toBe(light);
  await page.reload();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
});
