// The partitions, and the last minutes of each: followed while a page shows them, remembered for
// as long as the console is open.

import { partitions } from "../api/resources";
import type { Partition } from "../api/types";
import { Poll } from "./poll.svelte";
import { growth, Series, type Point } from "./series";

export interface Past {
  lag: Point[];
  /** Events accounted for per second, between the last two answers. */
  rate: number | null;
}

/** Two streams may both have a partition 0. */
export function keyOf(partition: Partition): string {
  return `${partition.stream_id}-${partition.partition_id}`;
}

class Partitions {
  poll = new Poll<Partition[]>();
  past = $state.raw(new Map<string, Past>());
  #lags = new Map<string, Series>();
  #positions = new Map<string, Series>();

  follow(): () => void {
    return this.poll.follow(
      async (signal) => (await partitions(signal)).items,
      (heard) => heard && this.#remember(heard),
    );
  }

  #remember(heard: Partition[]): void {
    const at = Date.now();
    const past = new Map<string, Past>();
    for (const partition of heard) {
      const key = keyOf(partition);
      const lag = seriesOf(this.#lags, key);
      const position = seriesOf(this.#positions, key);
      lag.add(at, partition.lag_events);
      position.add(at, partition.sequence_number);
      past.set(key, { lag: lag.points, rate: growth(position.points) });
    }
    this.past = past;
  }
}

function seriesOf(all: Map<string, Series>, key: string): Series {
  const series = all.get(key) ?? new Series();
  all.set(key, series);
  return series;
}

export const partitionsLive = new Partitions();
