// What people come for: seeing who sends, finding somebody, calibrating, looking into what failed.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, violations, type Watched } from "./browser";
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

test("a calibration is previewed, saved, and holds for the next status", async () => {
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByText("There is no number in these data").first().waitFor();
  await page.getByRole("button", { name: "/sensors/0/value" }).click();
  await page.getByLabel("Gain").fill("0.1");
  await page.getByLabel("Unit").fill("°C");
  const preview = page.locator("td.preview").first();
  await expect.poll(() => preview.innerText()).toMatch(/^21\.(45|91)\s°C$/);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as version 2").waitFor();
  await node.send(boiler(300));
  await page.getByRole("row", { name: /"value":300/ }).getByText("30").last().waitFor();
  const stored = await node.api("GET", "/owners/plant-7/sub-owners/boiler/statuses?limit=1");
  expect(stored.items[0].value).toBeCloseTo(30);
});

test("an override is for one sub-owner, and what is written for all outlives a look at another", async () => {
  await node.send({ dataOwnerId: "plant-7", dataOwnerSubId: "pump", data: { sensors: [{ value: 8 }] } });
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByLabel("Gain").fill("2");
  await page.getByRole("link", { name: /pump/ }).click();
  await expect.poll(() => page.locator("td.preview").first().innerText()).toMatch(/^16\s°C$/);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Only pump" }).click();
  await page.getByLabel("Unit").fill("bar");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as version 3").waitFor();
  const { settings } = await node.api("GET", "/owners/plant-7");
  expect(settings.sub_owners).toEqual({ pump: { unit: "bar" } });
});

test("who saves onto a version that is gone is told so, and loses nothing", async () => {
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByLabel("Offset").fill("1e3x");
  await page.getByText("Offset is a number").waitFor();
  await page.getByLabel("Offset").fill("5");
  await node.api("PATCH", "/owners/plant-7", { settings: { gain: 3 } });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Somebody else has changed this owner").waitFor();
  expect(await page.getByLabel("Offset").inputValue()).toBe("5");
  await page.getByText("/sensors/0/value × 3 in °C").first().waitFor();
  await page.getByRole("button", { name: "Take theirs" }).click();
  await expect.poll(() => page.getByLabel("Gain").inputValue()).toBe("3");
});

test("steps stand in place of gain and offset, are previewed, and are in the history", async () => {
  await node.send({ dataOwnerId: "plant-8", dataOwnerSubId: "door", data: { state: "open" } });
  await page.goto("/owners/plant-8?sub=door");
  await page.getByLabel("Pointer").fill("/state");
  const steps = page.getByLabel("Steps");
  await steps.fill('[{"labels": {"map": {"open": 1}}}, {"lineal": {}}]');
  await page.getByText("Steps have none that can be read at place 1").waitFor();
  await steps.fill('[{"labels": {"map": {"open": 1}}}, {"linear": {"gain": 7}}]');
  await expect.poll(() => page.locator("td.preview").first().innerText()).toBe("7");
  await page.getByLabel("Gain").fill("2");
  await page.getByText("Gain stays empty where there are steps").waitFor();
  await page.getByLabel("Gain").fill("");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as version 2").waitFor();
  await page.getByRole("row", { name: /^2 .*\/state → labels → linear/ }).waitFor();
  await page.getByRole("row", { name: /^1 .*as sent/ }).waitFor();
  expect(await violations(page)).toEqual([]);
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
