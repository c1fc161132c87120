// The whole in one look, followed for as long as the console is open, whatever its page: so the
// sparklines have a past when somebody comes to them.

import { readiness, summary } from "../api/resources";
import type { Readiness, Summary } from "../api/types";
import { Poll } from "./poll.svelte";
import { Series, type Point } from "./series";

export type Figure = "rate" | "lagSeconds" | "lagEvents" | "owners" | "subOwners" | "deadLetters";

const figures: Record<Figure, (summary: Summary) => number | null> = {
  rate: (it) => it.statuses_per_second,
  lagSeconds: (it) => it.lag_seconds,
  lagEvents: (it) => it.lag_events,
  owners: (it) => Object.values(it.owners).reduce((sum, count) => sum + count, 0),
  subOwners: (it) => it.sub_owners,
  deadLetters: (it) => it.dead_letters,
};

class Overview {
  summary = new Poll<Summary>();
  readiness = new Poll<Readiness>();
  past = $state.raw({} as Record<Figure, Point[]>);
  #series = new Map(Object.keys(figures).map((name) => [name as Figure, new Series()]));

  follow(): () => void {
    const stops = [
      this.summary.follow(summary, (heard) => this.#remember(heard)),
      this.readiness.follow(readiness),
    ];
    return () => stops.forEach((stop) => stop());
  }

  #remember(heard: Summary | undefined): void {
    const at = Date.now();
    const past = {} as Record<Figure, Point[]>;
    for (const [name, series] of this.#series) {
      series.add(at, heard && figures[name](heard));
      past[name] = series.points;
    }
    this.past = past;
  }
}

export const overview = new Overview();
