// A calibration is written in a form, previewed by the node, saved, and holds for the next status.

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { DESK, launch, open, PHONE, violations, type Watched } from "./browser";
import { Node } from "./node";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

const status = (owner: string, sub: string, data: unknown) => ({ dataOwnerId: owner, dataOwnerSubId: sub, data });
const boiler = (value: number) => status("plant-7", "boiler", { sensors: [{ value }], on: true });

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start(), launch()]);
  await node.send(boiler(214.5), boiler(219.1), status("plant-7", "pump", { sensors: [{ value: 8 }] }));
  await node.send(...["open", "shut", "open"].map((state) => status("plant-8", "door", { state })));
  await node.send(...[4, 12, 21].map((current) => status("plant-9", "tank", { current })));
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

const button = (name: string, within: Page | Locator = page) => within.getByRole("button", { name, exact: true });
const step = (number: number) => page.getByRole("group", { name: new RegExp(`^Step ${number},`) });
const adding = () => page.getByRole("group", { name: "Add a step" });
const previews = () => page.locator("td.preview").allInnerTexts();
const focused = () => page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent");
const upToDate = () => page.getByText("Up to date").waitFor();

/** The settings as they are stored. */
async function settingsOf(owner: string): Promise<unknown> {
  return (await node.api("GET", `/owners/${owner}`)).settings;
}

async function newestValue(owner: string, sub: string): Promise<number | null> {
  return (await node.api("GET", `/owners/${owner}/sub-owners/${sub}/statuses?limit=1`)).items[0].value;
}

test("gain and offset are previewed, saved, and hold for the next status", async () => {
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByText("There is no number in these data").first().waitFor();
  await button("/sensors/0/value").click();
  await page.getByLabel("Gain").fill("0.1");
  await page.getByLabel("Unit").fill("°C");
  await expect.poll(previews).toEqual([expect.stringMatching(/^21\.91\s°C$/), expect.stringMatching(/^21\.45\s°C$/)]);
  await button("Save").click();
  await page.getByText("Saved as version 2").waitFor();
  await node.send(boiler(300));
  await page.getByRole("row", { name: /"value":300/ }).getByText("30").last().waitFor();
  expect(await newestValue("plant-7", "boiler")).toBeCloseTo(30);
});

test("an override is for one sub-owner, and what is written for all outlives a look at another", async () => {
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByLabel("Gain").fill("2");
  await page.getByRole("link", { name: /pump/ }).click();
  await expect.poll(previews).toEqual([expect.stringMatching(/^16\s°C$/)]);
  await button("Of each sub-owner").click();
  await page.getByRole("row", { name: /^boiler .*300.* 600\s°C$/ }).waitFor();
  await button("Only pump").click();
  await button("Steps").click();
  expect(await step(1).getByLabel("Gain").inputValue()).toBe("0.1");
  await step(1).getByLabel("Gain").fill("3");
  await page.getByLabel("Unit").fill("bar");
  await page.getByRole("columnheader", { name: "Sub-owner" }).waitFor({ state: "detached" });
  await expect.poll(previews).toEqual([expect.stringMatching(/^24\sbar$/)]);
  await button("Save").click();
  await page.getByText("Saved as version 3").waitFor();
  const overrides = { pump: { steps: [{ linear: { gain: 3, offset: 0 } }], unit: "bar" } };
  expect(await settingsOf("plant-7")).toMatchObject({ gain: 0.1, sub_owners: overrides });
  await button("All sub-owners").click();
  expect(await page.getByLabel("Gain").inputValue()).toBe("2");
  await button("Save").click();
  await page.getByText("Saved as version 4").waitFor();
  expect(await settingsOf("plant-7")).toMatchObject({ gain: 2, sub_owners: overrides });
});

test("who saves onto a version that is gone is told so, and loses nothing", async () => {
  await page.goto("/owners/plant-7?sub=boiler");
  await page.getByLabel("Offset").fill("1e3x");
  await page.getByText("Offset is no number").waitFor();
  await page.getByLabel("Offset").fill("5");
  await button("Steps").click();
  await button("Clamp", adding()).click();
  await step(2).getByLabel("Greatest").fill("100");
  await upToDate();
  await node.api("PATCH", "/owners/plant-7", { settings: { gain: 3 } });
  await button("Save").click();
  await page.getByText("Somebody else has changed this owner").waitFor();
  expect(await step(1).getByLabel("Offset").inputValue()).toBe("5");
  expect(await step(2).getByLabel("Greatest").inputValue()).toBe("100");
  await page.getByText("/sensors/0/value × 3 in °C").first().waitFor();
  await button("Take theirs").click();
  await expect.poll(() => page.getByLabel("Gain").inputValue()).toBe("3");
});

test("steps are written in the form, previewed, saved, and hold for the next status", async () => {
  await page.goto("/owners/plant-8?sub=door");
  await button("Steps").click();
  await page.getByText("No step yet").waitFor();
  await button("Labels").click();
  expect(await focused()).toBe("Text of label 1");
  await button("/state").click();
  await button("open").click();
  await page.getByLabel("Number of label 1").fill("1,5");
  await page.getByText("Number of label 1 is no number: write it with a point, 1.5").waitFor();
  await page.getByLabel("Number of label 1").fill("1");
  await expect.poll(previews).toEqual(["1", "step 1 has no value for it", "1"]);
  await button("Linear", adding()).click();
  await step(2).getByLabel("Gain").fill("7");
  await expect.poll(previews).toEqual(["7", "step 1 has no value for it", "7"]);
  await page.keyboard.press("Enter");
  await page.getByText("Saved as version 2").waitFor();
  expect(await focused()).toBe("Gain");
  await node.send(status("plant-8", "door", { state: "open" }));
  await page.getByRole("row", { name: /"state":"open".* 7 version 2/ }).waitFor();
  await page.getByRole("row", { name: /^2 .*\/state → labels → linear/ }).waitFor();
  await page.getByRole("row", { name: /^1 .*as sent/ }).waitFor();
  expect(await settingsOf("plant-8")).toEqual({ pointer: "/state", steps: [{ labels: { map: { open: 1 } } }, { linear: { gain: 7, offset: 0 } }] });
});

test("everything is within reach of the keyboard, and the focus stays where the work is", async () => {
  await page.goto("/owners/plant-9?sub=tank");
  await button("Steps").press("Enter");
  await button("Table").press("Enter");
  for (const text of ["20", "Tab", "100", "Enter", "4", "Tab", "0"]) await (/^[A-Z]/.test(text) ? page.keyboard.press(text) : page.keyboard.type(text));
  expect(await focused()).toBe("Value of point 2");
  await page.getByText("Point 2 has an x, 4, below 20").waitFor();
  await button("Sort by x").press("Enter");
  await button("Remove point 3").press("Enter");
  expect(await focused()).toBe("Remove point 2");
  await button("Linear", adding()).press("Enter");
  expect(await focused()).toBe("Gain");
  await button("Move step 2 up").press("Enter");
  expect(await focused()).toBe("Move step 1 down");
  await page.getByText("Linear is step 1 now").waitFor();
  await page.keyboard.press("Enter");
  expect(await focused()).toBe("Move step 2 up");
  await button("Remove step 2").press("Enter");
  expect(await focused()).toBe("Remove step 1");
  await button("/current").press("Enter");
  await expect.poll(previews).toEqual(["step 1 has no value for it", "50", "0"]);
});

test("lines of a spreadsheet are pasted into a table", async () => {
  await page.goto("/owners/plant-9?sub=tank");
  await button("Steps").click();
  await button("Table").click();
  await page.getByLabel("x of point 1").evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", "4\t0\n12\t30\n20\t100\n");
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  expect(await page.getByLabel("Value of point 3").inputValue()).toBe("100");
});

test("what is missing is told when it is to be saved, and what was typed stays", async () => {
  await page.goto("/owners/plant-9?sub=tank");
  await button("/current").click();
  await upToDate();
  await button("Steps").click();
  await button("Polynomial").click();
  await page.getByLabel("Constant").fill("x");
  await page.getByText("It waits for 2 fields").waitFor();
  await button("Save").click();
  await page.getByText("2 fields have to be mended first").waitFor();
  expect(await focused()).toBe("Constant");
  const field = page.getByLabel("Coefficient of x", { exact: true });
  expect(await field.getAttribute("aria-invalid")).toBe("true");
  await page.locator(`[id="${await field.getAttribute("aria-describedby")}"]`).getByText("is missing: write a number").waitFor();
  expect(await page.getByLabel("Constant").inputValue()).toBe("x");
  expect(await settingsOf("plant-9")).toEqual({});
});

test("what the node refuses is told at its field, and the preview is stale", async () => {
  await page.goto("/owners/plant-9?sub=tank");
  await button("/current").click();
  await upToDate();
  await page.route("**/settings:preview", (route) => {
    const errors = [{ field: "settings.gain", detail: "must not be 13" }];
    return route.fulfill({ status: 422, contentType: "application/problem+json", body: JSON.stringify({ detail: "no", errors }) });
  });
  await page.getByLabel("Gain").fill("13");
  await page.getByText("Stale", { exact: true }).waitFor();
  await page.getByText("Gain must not be 13").waitFor();
  await page.getByText("The node refuses").waitFor();
  await page.unroute("**/settings:preview");
  await page.getByLabel("Gain").fill("2");
  await upToDate();
  await expect.poll(previews).toEqual(["42", "24", "8"]);
});

test("an answer that comes late does not take the place of a newer one", async () => {
  await page.goto("/owners/plant-9?sub=tank");
  await button("/current").click();
  await upToDate();
  let release = () => {};
  const late = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/settings:preview", async (route) => {
    const { gain } = route.request().postDataJSON().settings;
    const answer = await route.fetch();
    if (gain === 2) await late;
    // Nobody may wait for it any more.
    await route.fulfill({ response: answer }).catch(() => {});
  });
  const asked = page.waitForRequest((request) => request.postDataJSON()?.settings?.gain === 2);
  await page.getByLabel("Gain").fill("2");
  await asked;
  await page.getByLabel("Gain").fill("3");
  await expect.poll(previews).toEqual(["63", "36", "12"]);
  release();
  await page.getByLabel("Gain").fill("4");
  await page.getByText("Stale", { exact: true }).waitFor();
  expect(await previews()).toEqual(["63", "36", "12"]);
  await expect.poll(previews).toEqual(["84", "48", "16"]);
});

for (const [colorScheme, viewport] of [["light", DESK], ["dark", PHONE], ["dark", DESK], ["light", PHONE]] as const) {
  test(`the form is accessible: ${colorScheme}, ${viewport.width} wide`, async () => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.goto("/owners/plant-8?sub=door");
    await step(1).waitFor();
    await fits("as it is saved");
    for (const kind of ["Polynomial", "Table", "Clamp"]) await button(kind, adding()).click();
    await step(2).getByLabel("Gain").fill("1,5");
    await page.getByLabel("x of point 1").fill("20");
    await page.getByLabel("x of point 2").fill("4");
    await button("Save").click();
    await page.getByText("have to be mended first").waitFor();
    await fits("faulty");
    for (const _ of "12345") await button("Remove step 1").click();
    await page.getByText("No step yet").waitFor();
    await upToDate();
    await fits("empty");
  });
}

async function fits(what: string): Promise<void> {
  expect(await violations(page), what).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what).toBe(true);
}

test("nobody loses what they wrote without having been asked", async () => {
  const asked: string[] = [];
  let leaves = false;
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    void (leaves ? dialog.accept() : dialog.dismiss());
  });
  await page.goto("/owners");
  await page.getByRole("link", { name: "plant-9" }).click();
  await page.getByLabel("Gain").fill("7");
  await page.getByRole("link", { name: "Owners" }).first().click();
  await page.goBack();
  await expect.poll(() => asked.length).toBe(2);
  expect(new URL(page.url()).pathname).toBe("/owners/plant-9");
  expect(await page.getByLabel("Gain").inputValue()).toBe("7");
  leaves = true;
  await page.getByRole("link", { name: "Owners" }).first().click();
  await page.getByRole("heading", { name: "Owners", exact: true }).waitFor();
  expect(asked[2]).toMatch(/not saved/);
  // Nothing is asked any more.
  await page.getByRole("link", { name: "plant-8" }).click();
  await page.getByLabel("Gain").waitFor();
  await page.getByRole("link", { name: "Owners" }).first().click();
  await page.getByRole("heading", { name: "Owners", exact: true }).waitFor();
  expect(asked.length).toBe(3);
});
