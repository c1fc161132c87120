// Paths of the console against patterns such as `/owners/:id`.

export type Params = Record<string, string>;

/** The parameters, decoded; null, if the path is another one. */
export function match(pattern: string, path: string): Params | null {
  const [wanted, given] = [pattern, path].map((it) => it.replace(/(.)\/$/, "$1").split("/"));
  if (!wanted || !given || wanted.length !== given.length) return null;
  const params: Params = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== text) return null;
      continue;
    }
    const value = decoded(text);
    if (!value) return null;
    params[part.slice(1)] = value;
  }
  return params;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
