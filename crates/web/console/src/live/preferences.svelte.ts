// What the one who looks has chosen, remembered by the browser. A browser that forbids storage
// forgets it, and nothing else happens.

export type Theme = "system" | "light" | "dark";
export type Zone = "local" | "utc";

function recall<T extends string>(name: string, known: readonly T[], otherwise: T): T {
  try {
    const text = localStorage.getItem(`rollcall.${name}`);
    return known.find((it) => it === text) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`rollcall.${name}`, value);
  } catch {
    // Forbidden: the choice lasts as long as the page.
  }
}

const THEMES = ["system", "light", "dark"] as const;
const ZONES = ["local", "utc"] as const;

class Preferences {
  theme = $state<Theme>(recall("theme", THEMES, "system"));
  zone = $state<Zone>(recall("zone", ZONES, "local"));

  nextTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? "system";
    remember("theme", this.theme);
    this.applyTheme();
  }

  nextZone(): void {
    this.zone = this.zone === "local" ? "utc" : "local";
    remember("zone", this.zone);
  }

  applyTheme(): void {
    document.documentElement.dataset.theme = this.theme;
  }
}

export const preferences = new Preferences();
