// What a calibration is for somebody who looks at statuses. What it makes of them only the node computes.

import type { Settings } from "../api/types";
import { numberOf } from "./exact";
import { find, parse } from "./pointer";

/** Where the number stands, and in which unit its value is. */
export interface Effective {
  pointer: string | undefined;
  unit: string | undefined;
}

/** The sub-owner's part where it is set, else the owner's. */
export function effective(settings: Settings, subOwner: string | null): Effective {
  const overrides = settings.sub_owners ?? {};
  const part = subOwner !== null && Object.hasOwn(overrides, subOwner) ? overrides[subOwner] : undefined;
  return { pointer: part?.pointer ?? settings.pointer ?? undefined, unit: part?.unit ?? settings.unit ?? undefined };
}

/** What stands at the pointer; undefined, if there is nothing. */
export function valueAt(data: unknown, pointer: string | undefined): unknown {
  return find(data, parse(pointer ?? "") ?? []);
}

/** The number that is calibrated; null, if there is none at the pointer. */
export function rawNumber(data: unknown, { pointer }: Partial<Effective>): number | null {
  return numberOf(valueAt(data, pointer));
}

/** The texts that stand at the pointer, a boolean as `true` or `false`, each once. */
export function labelsAt(samples: readonly unknown[], pointer: string): string[] {
  const texts = samples.map((data) => valueAt(data, pointer)).filter(isLabel).map(String);
  return [...new Set(texts)];
}

export function isLabel(value: unknown): value is string | boolean {
  return typeof value === "string" || typeof value === "boolean";
}

/** Why there is no preview: people count from 1. */
export function reasonText(reason: string): string {
  return reason.replace(/^steps\.(\d+)/, (_, index) => `step ${Number(index) + 1}`);
}
