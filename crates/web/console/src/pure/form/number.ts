// Numbers as they are typed.

import { numberOf } from "../exact";

const WRITTEN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A minus that was copied from a text counts as one. */
const plain = (text: string) => text.trim().replace(/^\u2212/, "-");

/** The number that the text says; undefined, if it says none. */
export function numberIn(text: string | undefined): number | undefined {
  const written = plain(text ?? "");
  const number = WRITTEN.test(written) ? Number(written) : NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** As it is put into a field; undefined, if it is no number. */
export function numberText(value: unknown): string | undefined {
  return numberOf(value) === null ? undefined : JSON.stringify(value);
}

/** What is wrong with a field that has to hold a number, and how to mend it. */
export function numberFault(text: string | undefined): string | undefined {
  const written = plain(text ?? "");
  if (written === "") return "is missing: write a number, such as 0.1";
  if (numberIn(written) !== undefined) return undefined;
  if (WRITTEN.test(written)) return "is too large: a number goes up to 1.7e308";
  const pointed = written.replace(",", ".");
  if (WRITTEN.test(pointed)) return `is no number: write it with a point, ${pointed}`;
  return "is no number: write it such as 0.1, -273.15 or 1e-3";
}

/** The same where the field may stay empty. */
export function absentOrNumberFault(text: string): string | undefined {
  return text.trim() === "" ? undefined : numberFault(text);
}
