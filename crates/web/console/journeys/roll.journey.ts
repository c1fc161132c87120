// What people come for: seeing who sends, finding somebody, looking into what failed.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, type Watched } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

const owner = (id: number) => `site-${String(id).padStart(3, "0")}`;
const boiler = (value: number) => ({ dataOwnerId: "plant-7", dataOwnerSubId: "boiler", data: { sensors: [{ value }], on: true } });

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

test("an empty roll teaches how to send, and a newcomer appears by itself", async () => {
  await page.goto("/owners");
  await page.getByText("pip install azure-eventhub").waitFor();
  await node.send(boiler(214.5), boiler(219.1));
  await page.getByRole("link", { name: "plant-7" }).waitFor();
  await page.goto("/");
  await page.getByText("ready", { exact: true }).waitFor();
});

test("somebody is found among many by search and by pages, and the address keeps it", async () => {
  const many = Array.from({ length: 120 }, (_, id) => ({ dataOwnerId: owner(id), dataOwnerSubId: "meter", data: id }));
  await node.send(...many);
  await expect.poll(async () => (await node.api("GET", "/summary")).owners.active, { timeout: 30_000 }).toBe(121);

  await page.goto("/owners?q=site");
  await page.getByRole("link", { name: owner(0), exact: true }).waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("link", { name: owner(50), exact: true }).waitFor();
  await page.getByText("Page 2, 50 owners").waitFor();
  await page.reload();
  await page.getByText("Page 2, 50 owners").waitFor();
  await page.keyboard.press("]");
  await page.getByText("Page 3, 20 owners").waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByRole("link", { name: owner(0), exact: true }).waitFor();

  await page.keyboard.press("/");
  await page.keyboard.type("-07");
  await page.waitForURL(/q=site-07|q=-07/);
  await page.getByRole("link", { name: owner(70), exact: true }).waitFor();
  await expect.poll(() => page.locator("[data-row]").count()).toBe(10);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: owner(71) }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: owner(71) }).waitFor();
});

test("data are shown digit by digit as they were sent", async () => {
  await node.sendLines('{"dataOwnerId": "plant-7", "dataOwnerSubId": "counter", "data": {"pulses":12345678901234567890}}\n');
  await page.goto("/owners/plant-7?sub=counter");
  await page.getByText('{"pulses":12345678901234567890}').waitFor();
});

test("an owner is entered by hand once", async () => {
  await page.goto("/owners");
  for (const again of [false, true]) {
    await page.goto("/owners");
    await page.getByRole("button", { name: "New owner" }).click();
    await page.getByLabel("Owner id").fill("by/hand");
    await page.getByRole("button", { name: "Create" }).click();
    if (again) await page.getByText("is on the roll already").waitFor();
    else await page.waitForURL("**/owners/by%2Fhand");
  }
  await page.goto("/owners/by%2Fhand");
  await page.getByText("No sub-owner has sent yet").waitFor();
});

test("a dead letter shows its reason and its bytes", async () => {
  await node.sendLines('not json\n{"dataOwnerId": "plant-7", "data": 1}\n');
  await page.goto("/dead-letters");
  await page.locator("table").getByText("missing field").waitFor();
  await page.getByLabel("Reason").selectOption("not_json");
  await expect.poll(() => page.locator("[data-row]").count()).toBe(1);
  await page.locator("[data-row]").click();
  await page.getByLabel("Body as text").getByText("not json").waitFor();
  await page.getByRole("button", { name: "Hex" }).click();
  await page.getByText("6e 6f 74 20 6a 73 6f 6e").waitFor();
  expect(new URL(page.url()).searchParams.get("reason")).toBe("not_json");
});

test("partitions are sorted, and everything is within reach of the keyboard", async () => {
  await page.goto("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await page.getByRole("heading", { name: "Partitions" }).waitFor();
  await page.getByRole("button", { name: "Dead" }).click();
  await page.waitForURL(/sort=-dead/);
  const dead = () => page.locator("tbody tr td:nth-child(11)").allInnerTexts();
  await expect.poll(async () => (await dead()).map(Number).reduce((sum, it) => sum + it, 0)).toBe(2);
  const numbers = (await dead()).map(Number);
  expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
  await page.keyboard.press("k");
  await page.locator("[data-row]").first().press("Enter");
  await page.getByText("Epoch of the lease").waitFor();
});

test("what was announced is told with its sinks", async () => {
  await page.goto("/events");
  await page.locator("[data-row]").first().click();
  await page.getByRole("link", { name: "To the owner" }).waitFor();
  await page.locator("table").getByText(/^journal: sent/).waitFor();
  await page.getByLabel("The event as it is sent").getByText('"specversion": "1.0"').waitFor();
});
