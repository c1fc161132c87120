// JSON Pointers (RFC 6901) as the node reads them: see `crates/model/src/json_pointer.rs`.

import { numberOf } from "./exact";

/** The tokens of a pointer; null, if the text is none. */
export function parse(text: string): string[] | null {
  if (text === "") return [];
  if (!text.startsWith("/") || /~(?![01])/.test(text)) return null;
  return text
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value under the tokens; undefined, if there is none. */
export function find(data: unknown, tokens: string[]): unknown {
  return tokens.reduce<unknown>(step, data);
}

function step(value: unknown, token: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, token) ? (value as Record<string, unknown>)[token] : undefined;
}

/** The pointers to every number within `data`, as suggestions. */
export function numbersIn(data: unknown): string[] {
  return leavesIn(data, (value) => numberOf(value) !== null);
}

/** The pointers to whatever is wanted within `data`. */
export function leavesIn(data: unknown, wanted: (value: unknown) => boolean, most = 12, path = ""): string[] {
  if (wanted(data)) return [path];
  if (typeof data !== "object" || data === null) return [];
  const found = Object.entries(data).flatMap(([key, value]) =>
    leavesIn(value, wanted, most, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return found.slice(0, most);
}
