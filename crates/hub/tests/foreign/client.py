"""Sends, receives and reads properties with azure-eventhub; prints what it saw as one JSON object.

Usage: client.py CONNECTION_STRING
"""

import json
import sys
import threading

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError

DEADLINE_SECONDS = 20


def send(connection_string):
    producer = EventHubProducerClient.from_connection_string(
        connection_string, eventhub_name="statuses"
    )
    with producer:
        batch = producer.create_batch(partition_id="0")
        for number in range(3):
            event = EventData(f"python {number}")
            event.properties = {"number": number}
            batch.add(event)
        producer.send_batch(batch)
        producer.send_batch([EventData("x" * 900_000)], partition_id="0")
        for _ in range(2):
            producer.send_batch([EventData("keyed")], partition_key="owner-7")
        producer.send_batch([EventData("anywhere")])
        return {
            "hub": properties(producer.get_eventhub_properties()),
            "partition": properties(producer.get_partition_properties("0")),
        }


def properties(found):
    return {key: value if isinstance(value, (int, str, list)) else str(value) for key, value in found.items()}


def receive(connection_string, count, **position):
    """The first events of partition 0 as [sequence number, offset, length, body's beginning, properties]."""
    seen = []
    metrics = {}
    enough = threading.Event()

    consumer = EventHubConsumerClient.from_connection_string(
        connection_string, consumer_group="$Default", eventhub_name="statuses"
    )

    def on_event(partition, event):
        body = event.body_as_str()
        own = {(k.decode() if isinstance(k, bytes) else k): v for k, v in (event.properties or {}).items()}
        seen.append([event.sequence_number, event.offset, len(body), body[:10], own])
        last = partition.last_enqueued_event_properties
        metrics.update(sequence_number=last and last["sequence_number"])
        if len(seen) >= count:
            enough.set()

    thread = threading.Thread(
        target=consumer.receive,
        kwargs=dict(
            on_event=on_event,
            partition_id="0",
            track_last_enqueued_event_properties=True,
            **position,
        ),
        daemon=True,
    )
    thread.start()
    if not enough.wait(DEADLINE_SECONDS):
        raise SystemExit(f"received {len(seen)} of {count} events in {DEADLINE_SECONDS} s")
    consumer.close()
    thread.join(DEADLINE_SECONDS)
    return {"events": seen[:count], "metrics": metrics}


def wrong_key(connection_string):
    forged = connection_string.replace("SAS_KEY_VALUE", "GUESSED")
    producer = EventHubProducerClient.from_connection_string(
        forged, eventhub_name="statuses", retry_total=0
    )
    try:
        with producer:
            producer.send_batch([EventData("refused")])
    except EventHubError as error:
        return type(error).__name__
    return "accepted"


def main():
    connection_string = sys.argv[1]
    seen = send(connection_string)
    seen["all"] = receive(connection_string, 4, starting_position="-1")
    seen["after_1"] = receive(connection_string, 1, starting_position=1)
    seen["from_1"] = receive(
        connection_string, 1, starting_position=1, starting_position_inclusive=True
    )
    offset = seen["all"]["events"][1][1]
    seen["after_offset"] = receive(connection_string, 1, starting_position=offset)
    seen["wrong_key"] = wrong_key(connection_string)
    print(json.dumps(seen))


main()
