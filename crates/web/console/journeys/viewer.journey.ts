// What a viewer may not do is not offered: an operator finds each of these buttons, a viewer none.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launch, open, violations } from "./browser";
import { Node } from "./node";

const PASSWORD = "correct horse battery";

let node: Node;
let browser: Browser;
/** Each with what shows that its data are there, and the buttons of an operator. */
let pages: [path: string, shows: string, buttons: string[]][];

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start("--set", "http.auth=on", "--set", "registry.provisioning=approve"), launch()]);
  for (const [name, role] of [["otto", "operator"], ["vera", "viewer"]] as const)
    await node.command(`${PASSWORD}\n`, "users", "create", name, "--role", role);
  const key = (await node.command("", "keys", "create", "journey", "--role", "operator")).match(/rollcall_key_\S+/)?.[0];
  await node.api("POST", "/owners", { owner_id: "plant-7" }, key);
  await node.api("PATCH", "/owners/plant-7", { settings: { gain: 2 } }, key);
  await node.sendLines('not json\n{"dataOwnerId": "newcomer", "dataOwnerSubId": "meter", "data": 1}\n');
  const first = (path: string) =>
    vi.waitFor(async () => {
      const [found] = (await node.api("GET", path, undefined, key)).items;
      if (found === undefined) throw new Error(`nothing at ${path} yet`);
      return found;
    }, { timeout: 20_000 });
  await first("/owners?state=pending");
  const [letter, event] = await Promise.all([first("/dead-letters"), first("/events?state=sent")]);
  pages = [
    ["/owners?state=pending", "newcomer", ["New owner", "Approve all", "Block all", "Delete all"]],
    ["/owners/plant-7", "Calibration", ["Rename", "Block", "Delete", "Recalibrate …", "Save"]],
    ["/approvals", "newcomer", ["Approve newcomer", "Block newcomer", "Approve all", "Block all"]],
    [`/dead-letters?open=${encodeURIComponent(letter.id)}`, "Show the body as", ["Mend and replay", "Discard", "Replay all", "Discard all"]],
    [`/events?open=${encodeURIComponent(event.event_id)}`, "To the owner", ["Send again to journal"]],
  ];
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

async function signIn(page: Page, name: string): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

test.each([
  ["an operator", "otto", 1],
  ["a viewer", "vera", 0],
] as const)("%s is offered what their role may do", async (_, name, each) => {
  const { page, complaints } = await open(browser, node.url);
  await signIn(page, name);
  for (const [path, shows, buttons] of pages) {
    await page.goto(path);
    const main = page.locator("main");
    await main.getByText(shows).or(main.getByLabel(shows)).locator("visible=true").first().waitFor();
    // Whose role it is, the page says once it knows.
    await page.getByTitle(`user:${name}`).waitFor();
    for (const button of buttons) {
      const found = main.getByRole("button", { name: button, exact: true });
      await expect.poll(() => found.count(), { message: `${button} on ${path}` }).toBe(each);
    }
    expect(await violations(page), path).toEqual([]);
  }
  await page.context().close();
  expect(complaints).toEqual([]);
});
