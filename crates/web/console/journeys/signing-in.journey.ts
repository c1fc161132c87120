// Somebody signs in, makes a key, revokes it, and is signed out, by themselves or by somebody else; a
// viewer sees no admin's pages.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, open, PHONE, violations, type Watched } from "./browser";
import { Node } from "./node";

const PASSWORD = "correct horse battery";

let node: Node;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  [node, browser] = await Promise.all([Node.start("--set", "http.auth=on"), launch()]);
  for (const [name, role] of [["ada", "admin"], ["otto", "operator"], ["vera", "viewer"]] as const)
    await node.command(`${PASSWORD}\n`, "users", "create", name, "--role", role);
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

async function signIn(name: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("a key is made, used and revoked", async () => {
  await page.goto("/access");
  await signIn("ada", "incorrect horse battery");
  await page.getByText("the name or the password is wrong").waitFor();
  expect(await violations(page)).toEqual([]);
  await signIn("ada");
  await page.getByRole("heading", { name: "Access", exact: true }).waitFor();

  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("What it is for").fill("grafana");
  await page.getByRole("button", { name: "Create" }).click();
  const secret = await page.locator("[data-secret]").innerText();
  expect(secret).toMatch(/^rollcall_key_/);
  expect(await node.code("/owners", secret)).toBe(200);
  expect(await node.code("/keys", secret)).toBe(403);
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Close" }).click();
  expect(await page.locator("body").innerText()).not.toContain(secret);

  await page.getByRole("button", { name: "Revoke grafana" }).click();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await page.getByText("revoked", { exact: true }).waitFor();
  await expect.poll(() => node.code("/owners", secret), { timeout: 2_500 }).toBe(401);

  await page.goto("/audit");
  await page.getByText("POST /keys", { exact: true }).waitFor();
  await page.getByText("user:ada").first().waitFor();
});

test("a session that is ended shows where to sign in, and the page that was open comes back", async () => {
  await page.goto("/partitions");
  await signIn("ada");
  await page.getByRole("heading", { name: "Partitions" }).waitFor();
  await node.command(`${PASSWORD}\n`, "users", "password", "ada");
  await page.getByText("the session has ended").waitFor();
  await signIn("ada");
  await page.getByRole("heading", { name: "Partitions" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("you have signed out").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});

test("a role that is changed ends the session, and whoever signs in again is where they were", async () => {
  const key = (await node.command("", "keys", "create", "reviewer", "--role", "admin")).match(/rollcall_key_\S+/)?.[0];
  await page.goto("/owners?q=nobody&state=active");
  await signIn("otto");
  await page.getByText("No owner matches").waitFor();
  await node.api("PATCH", "/users/otto", { role: "viewer" }, key);
  await page.getByText("the session has ended; sign in again").waitFor();
  await signIn("otto");
  await page.getByText("No owner matches").waitFor();
  const { pathname, search } = new URL(page.url());
  expect(pathname + search).toBe("/owners?q=nobody&state=active");
  expect(await page.getByRole("searchbox").inputValue()).toBe("nobody");
});

test("who signs out in one window is told so in the other, and goes on there", async () => {
  await page.goto("/dead-letters?state=open");
  await signIn("vera");
  await page.getByRole("heading", { name: "Dead letters" }).waitFor();
  const other = await page.context().newPage();
  await other.goto("/");
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.getByText("you have signed out", { exact: true }).waitFor();
  await page.getByText("you have signed out in another window").waitFor();
  await signIn("vera");
  await page.getByRole("heading", { name: "Dead letters" }).waitFor();
  expect(new URL(page.url()).search).toBe("?state=open");
});

test("a viewer sees what a viewer may, also on a phone", async () => {
  await page.setViewportSize(PHONE);
  await page.goto("/owners");
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await signIn("vera");
  await page.getByRole("heading", { name: "Owners", exact: true }).waitFor();
  await expect.poll(() => page.getByRole("link", { name: "Access" }).count()).toBe(0);
  await page.goto("/access");
  await page.getByText("user:vera is viewer").first().waitFor();
});
