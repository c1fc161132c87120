import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["journeys/*.journey.ts"],
    // One node and one browser at a time; a machine that is busy with other things is slow.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
