import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["journeys/*.picture.ts"], testTimeout: 300_000, hookTimeout: 60_000 } });
