import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// A running node, for `npm run dev`.
const node = process.env.ROLLCALL_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte()],
  build: {
    // The policy of the pages permits nothing inline, data: URLs included.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
  },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(["/api", "/readyz", "/livez", "/metrics"].map((path) => [path, node])),
  },
  test: { include: ["src/**/*.test.ts"] },
});
