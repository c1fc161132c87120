import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["journeys/*.journey.ts"],
    // Each has a node and a browser of its own; a machine that is busy with other things is slow.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
