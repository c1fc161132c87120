// Sends, receives and reads properties with @azure/event-hubs; prints what it saw as one JSON object.
//
// Usage: client.mjs CONNECTION_STRING

import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.CLIENT_MODULES, "package.json"));
const { EventHubProducerClient, EventHubConsumerClient, earliestEventPosition } = require("@azure/event-hubs");

const DEADLINE_MS = 20_000;
const connectionString = process.argv[2];

async function send() {
  const producer = new EventHubProducerClient(connectionString, "statuses");
  const batch = await producer.createBatch({ partitionId: "1" });
  for (let number = 0; number < 3; number += 1) {
    batch.tryAdd({ body: { client: "js", number }, properties: { number } });
  }
  await producer.sendBatch(batch);
  await producer.sendBatch([{ body: "x".repeat(900_000) }], { partitionId: "1" });
  await producer.sendBatch([{ body: "keyed" }], { partitionKey: "owner-7" });
  await producer.sendBatch([{ body: "anywhere" }]);
  const seen = {
    hub: await producer.getEventHubProperties(),
    partition: await producer.getPartitionProperties("1"),
  };
  await producer.close();
  return seen;
}

async function receive(count, startPosition, options = {}) {
  const consumer = new EventHubConsumerClient("$Default", connectionString, "statuses");
  const seen = [];
  let metrics;
  let subscription;
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`received ${seen.length} of ${count} events`)), DEADLINE_MS);
      const done = (settle, value) => {
        clearTimeout(timer);
        settle(value);
      };
      subscription = consumer.subscribe(
        "1",
        {
          processEvents: async (events, context) => {
            for (const event of events) {
              const body = typeof event.body === "string" ? event.body : JSON.stringify(event.body);
              seen.push([event.sequenceNumber, event.offset, body.length, body.slice(0, 10), event.properties ?? {}]);
            }
            metrics = context.lastEnqueuedEventProperties;
            if (seen.length >= count) done(resolve);
          },
          processError: async (error) => done(reject, error),
        },
        { startPosition, maxWaitTimeInSeconds: 1, trackLastEnqueuedEventProperties: true, ...options },
      );
    });
  } finally {
    await subscription.close();
    await consumer.close();
  }
  return { events: seen.slice(0, count), metrics };
}

async function wrongKey() {
  const forged = connectionString.replace("SAS_KEY_VALUE", "GUESSED");
  const producer = new EventHubProducerClient(forged, "statuses", { retryOptions: { maxRetries: 0 } });
  try {
    await producer.sendBatch([{ body: "refused" }]);
    return "accepted";
  } catch (error) {
    return error.code ?? error.name;
  } finally {
    await producer.close();
  }
}

const seen = await send();
seen.all = await receive(4, earliestEventPosition);
seen.after_1 = await receive(1, { sequenceNumber: 1 });
seen.from_1 = await receive(1, { sequenceNumber: 1, isInclusive: true });
seen.after_offset = await receive(1, { offset: seen.all.events[1][1] });
seen.with_epoch = await receive(1, earliestEventPosition, { ownerLevel: 7 });
seen.wrong_key = await wrongKey();
console.log(JSON.stringify(seen));
process.exit(0);
