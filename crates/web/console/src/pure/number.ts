// Numbers as text. What is not known is `–`, never 0.

import { UNKNOWN } from "./time";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Space as thousands mark, which reads the same in every country; it does not break. */
function grouped(number: number): string {
  return whole.format(number).replaceAll(",", "\u202f");
}

type Maybe = number | null | undefined;

export function known(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** A count: `1 234 567`. */
export function count(value: Maybe): string {
  return known(value) ? grouped(value) : UNKNOWN;
}

/** A rate or a mean: one decimal where it says something. */
export function rate(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  return Math.abs(value) < 99.95 ? String(Number(value.toFixed(1))) : grouped(value);
}

/** Three digits and a letter, for axes: `1.2k`, `34M`. */
export function short(value: number): string {
  const size = Math.abs(value);
  for (const [limit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (size >= limit) return `${trimmed(value / limit, 3)}${letter}`;
  }
  return trimmed(value, 3);
}

/** A measured value, without the noise of its last bits. */
export function measured(value: Maybe): string {
  return known(value) ? trimmed(value, 10) : UNKNOWN;
}

function trimmed(value: number, significant: number): string {
  return String(Number(value.toPrecision(significant)));
}

/** `1 owner`, `2 owners`. */
export function counted(value: Maybe, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
