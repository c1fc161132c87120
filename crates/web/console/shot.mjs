import { chromium } from "playwright-core";
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
const bin = "/work/wt/t-fix/debug/rollcall";
const dir = mkdtempSync("/tmp/shot-");
const opts = process.argv[2] ? process.argv[2].split(",").flatMap((s) => ["--set", s]) : [];
const args = ["--set", "http.listen=127.0.0.1:0", "--set", "hub.listen=127.0.0.1:0", ...opts];
const node = spawn(bin, ["run", ...args, "--simulate", "30"], { cwd: dir });
let said = "";
await new Promise((ok) => { const h = (c) => { said += c; if (/database\s+sqlite/.test(said)) ok(); }; node.stdout.on("data", h); node.stderr.on("data", h); });
const url = said.match(/(https?:\/\/127[\d.:]+)/)[1];
if (process.argv[2]?.includes("auth=on")) { const c = spawn(bin, ["users", "create", "ada", "--role", "admin", ...args], { cwd: dir }); c.stdin.end("correct horse battery\n"); await new Promise((ok) => c.on("close", ok)); }
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const pages = process.argv.slice(3);
for (const [scheme, vp] of [["light", { width: 1280, height: 800 }], ["dark", { width: 390, height: 844 }]]) {
  const ctx = await b.newContext({ colorScheme: scheme, viewport: vp, baseURL: url });
  const p = await ctx.newPage();
  await p.goto("/"); await p.waitForTimeout(1500);
  if (process.argv[2]?.includes("auth=on")) {
    await p.screenshot({ path: `/tmp/shots/signin-${scheme}.png` });
    await p.getByLabel("Name").fill("ada"); await p.getByLabel("Password").fill("correct horse battery"); await p.getByRole("button", { name: "Sign in" }).click();
    await p.waitForTimeout(1000);
  }
  for (const path of pages) { await p.goto(path); await p.waitForTimeout(2500); await p.screenshot({ path: `/tmp/shots/${path.replaceAll(/\W/g, "_")}-${scheme}.png` }); }
}
await b.close(); node.kill("SIGTERM");
