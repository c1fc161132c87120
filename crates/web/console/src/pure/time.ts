// Times and durations in words. What is not known or not a time is `–`.

export const UNKNOWN = "–";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Zone = "local" | "utc";

/** Milliseconds of an RFC 3339 text. */
export function instant(text: string | null | undefined): number | null {
  const at = text ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

function digits(number: number, count = 2): string {
  return String(number).padStart(count, "0");
}

/** `2026-11-23 10:00:00.123` with its zone. */
export function exact(at: number, zone: Zone): string {
  const text = zone === "utc" ? new Date(at).toISOString() : localIso(at);
  return text.replace("T", " ").replace(/Z$/, " UTC");
}

/** The time of day alone, for axes and tight columns. */
export function timeOfDay(at: number, zone: Zone): string {
  return exact(at, zone).slice(11, 19);
}

export function dayAndTime(at: number, zone: Zone): string {
  return exact(at, zone).slice(5, 16);
}

function localIso(at: number): string {
  const date = new Date(at);
  const minutes = -date.getTimezoneOffset();
  const shifted = new Date(at + minutes * 60_000).toISOString().slice(0, -1);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${shifted} ${minutes < 0 ? "-" : "+"}${digits(hours)}:${digits(rest)}`;
}

/** `12 s ago`, `in 3 min`; below a second `just now`. */
export function relative(at: number, now: number): string {
  const seconds = (now - at) / 1000;
  if (Math.abs(seconds) < 1.5) return "just now";
  const span = coarse(Math.abs(seconds));
  return seconds < 0 ? `in ${span}` : `${span} ago`;
}

/** One unit, rounded down. */
function coarse(seconds: number): string {
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} days`;
}

/** A duration with at most two units: `0.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return pair(whole, MINUTE, "min", 1, "s");
  if (whole < 2 * DAY) return pair(whole, HOUR, "h", MINUTE, "min");
  return pair(whole, DAY, "d", HOUR, "h");
}

function pair(seconds: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % big) / small);
  const head = `${Math.floor(seconds / big)} ${bigName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}
