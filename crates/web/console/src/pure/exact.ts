// JSON whose large whole numbers keep their digits: `data` is shown as it was sent, and a meter may
// count beyond what a float holds. Browsers that do not tell the source text show the float.

interface ExactJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { rawJSON: string };
  parse(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
}

const json = JSON as unknown as ExactJson;
const able = typeof json.rawJSON === "function";

export function parseExact(text: string): unknown {
  return able ? json.parse(text, (_, value, context) => exact(value, context?.source)) : JSON.parse(text);
}

function exact(value: unknown, source: string | undefined): unknown {
  const large = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return large && source !== undefined && /^-?\d+$/.test(source) ? json.rawJSON(source) : value;
}

/** The number that it stands for, as the node computes with it; null, if it is none. */
export function numberOf(value: unknown): number | null {
  const number = able && json.isRawJSON(value) ? Number(value.rawJSON) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}
