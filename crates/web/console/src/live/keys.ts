// The keyboard. Rows are whatever has `data-row`, the search field whatever has `data-search`; so
// a new page gets its keys by marking them.

export interface Actions {
  help(): void;
  go(letter: string): void;
  theme(): void;
  zone(): void;
}

/** How long `g` waits for its second letter. */
const CHORD_MS = 1_500;

export function listen(actions: Actions): () => void {
  let begun = -Infinity;
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return leaveField(event);
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const chord = event.timeStamp - begun < CHORD_MS;
    begun = event.key === "g" && !chord ? event.timeStamp : -Infinity;
    if (chord) actions.go(event.key);
    else if (!single(event.key, actions)) return;
    event.preventDefault();
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}

function single(key: string, actions: Actions): boolean {
  switch (key) {
    case "?": actions.help(); return true;
    case "t": actions.theme(); return true;
    case "u": actions.zone(); return true;
    case "/": return focus("[data-search]");
    case "j": return move(1);
    case "k": return move(-1);
    case "[": return press("[data-previous]");
    case "]": return press("[data-next]");
    default: return false;
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function leaveField(event: KeyboardEvent): void {
  if (typing(event.target)) (event.target as HTMLElement).blur();
}

function focus(selector: string): boolean {
  const field = document.querySelector<HTMLInputElement>(selector);
  field?.focus();
  field?.select();
  return field !== null;
}

function press(selector: string): boolean {
  const button = document.querySelector<HTMLButtonElement>(selector);
  button?.click();
  return button !== null;
}

/** The focus itself moves, so that Enter opens and a screen reader follows. */
function move(by: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = rows[at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return next !== undefined;
}
