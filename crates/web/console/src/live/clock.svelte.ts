// The node's time, as well as its `Date` headers tell it. Ages are told against this clock: a
// laptop whose own clock is wrong would show everything as future or as old.

const TICK_MS = 1_000;
/** The header has whole seconds, so that less is no difference. */
const TOLERANCE_MS = 2_000;

class Clock {
  now = $state(Date.now());
  #ahead = 0;

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
  }

  heard(date: string | null): void {
    const told = date === null ? NaN : Date.parse(date);
    if (Number.isNaN(told)) return;
    const ahead = told - Date.now();
    this.#ahead = Math.abs(ahead) > TOLERANCE_MS ? ahead : 0;
  }

  #tick(): void {
    this.now = Date.now() + this.#ahead;
  }
}

export const clock = new Clock();
