// Owners in words and paths.

import type { Calibration, Settings } from "../api/types";
import { counted, known } from "../pure/number";

export function ownerPath(id: string, sub?: string): string {
  const path = `/owners/${encodeURIComponent(id)}`;
  return sub === undefined ? path : `${path}?sub=${encodeURIComponent(sub)}`;
}

/** `/v × 0.1 − 273.15 °C`, `/v → labels → clamp`, or that nothing is set. */
export function partText({ pointer, gain, offset, steps, unit }: Calibration): string {
  const parts = [pointer || steps || known(gain ?? offset) ? pointer || "data" : ""];
  for (const step of steps ?? []) parts.push(`→ ${Object.keys(step)[0]}`);
  if (known(gain)) parts.push(`× ${gain}`);
  if (known(offset)) parts.push(offset < 0 ? `− ${-offset}` : `+ ${offset}`);
  if (unit) parts.push(`in ${unit}`);
  return parts.filter(Boolean).join(" ") || "as sent";
}

export function calibrationText(settings: Settings): string {
  const overrides = Object.keys(settings.sub_owners ?? {}).length;
  const own = partText(settings);
  return overrides === 0 ? own : `${own}; ${counted(overrides, "override")}`;
}
