// What a calibration is for somebody who looks at statuses. What it makes of them only the node computes.

import type { Calibration, Settings } from "../api/types";
import { numberOf } from "./exact";
import { find, parse } from "./pointer";

/** Where the number stands, and its unit: the sub-owner's part where it is set, else the owner's. */
export function effective(settings: Settings, subOwner: string | null): Pick<Calibration, "pointer" | "unit"> {
  const overrides = settings.sub_owners ?? {};
  const part = subOwner !== null && Object.hasOwn(overrides, subOwner) ? overrides[subOwner] : undefined;
  return { pointer: part?.pointer ?? settings.pointer, unit: part?.unit ?? settings.unit };
}

/** What stands at the pointer; undefined, if there is nothing. */
export function valueAt(data: unknown, pointer: string | null | undefined): unknown {
  return find(data, parse(pointer ?? "") ?? []);
}

/** The number that is calibrated; null, if there is none at the pointer. */
export function rawNumber(data: unknown, { pointer }: Pick<Calibration, "pointer">): number | null {
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
