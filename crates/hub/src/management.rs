//! `$management`: the properties of the hub and of its partitions.

use rollcall_model::Timestamp;
use serde_amqp::Value;
use serde_amqp::primitives::{Array, OrderedMap, Timestamp as AmqpTimestamp};

use crate::broker::Broker;
use crate::log::Partition;
use crate::request::{Answer, Request};

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

/// Answers a READ.
pub(crate) fn read(request: &Request, broker: &Broker) -> Answer {
    if request.property("operation") != Some("READ") {
        return Answer::new(400, "the operation is not READ");
    }
    let name = request.property("name").unwrap_or_default();
    if !name.eq_ignore_ascii_case(&broker.event_hub) {
        return Answer::new(404, format!("there is no event hub {name:?}"));
    }
    match request.property("type") {
        Some(HUB) => ok(hub(broker)),
        Some(PARTITION) => match request
            .number("partition")
            .and_then(|id| broker.partition(id))
        {
            Some(found) => ok(partition(broker, found)),
            None => Answer::new(404, "there is no such partition"),
        },
        other => Answer::new(400, format!("the type {other:?} is unknown")),
    }
}

fn ok(body: OrderedMap<Value, Value>) -> Answer {
    Answer {
        body,
        ..Answer::new(200, "OK")
    }
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> OrderedMap<Value, Value> {
    let entries = entries.into_iter();
    entries.map(|(key, value)| (string(key), value)).collect()
}

fn string(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn time(at: Timestamp) -> Value {
    Value::Timestamp(AmqpTimestamp::from_milliseconds(at.as_millis()))
}

fn hub(broker: &Broker) -> OrderedMap<Value, Value> {
    let ids = broker.partitions.iter();
    let ids = ids.map(|partition| string(partition.id.to_string()));
    let count = i32::try_from(broker.partitions.len()).unwrap_or(i32::MAX);
    map([
        ("name", string(&broker.event_hub)),
        ("type", string(HUB)),
        ("created_at", time(broker.created_at)),
        ("partition_count", Value::Int(count)),
        (
            "partition_ids",
            Value::Array(Array::from(ids.collect::<Vec<_>>())),
        ),
    ])
}

fn partition(broker: &Broker, partition: &Partition) -> OrderedMap<Value, Value> {
    let extent = partition.extent();
    let begin = i64::try_from(extent.begin_sequence_number).unwrap_or(i64::MAX);
    map([
        ("name", string(&broker.event_hub)),
        ("type", string(PARTITION)),
        ("partition", string(partition.id.to_string())),
        ("begin_sequence_number", Value::Long(begin)),
        ("begin_sequence_number_epoch", Value::Int(0)),
        (
            "last_enqueued_sequence_number",
            Value::Long(extent.last_sequence_number),
        ),
        ("last_enqueued_sequence_number_epoch", Value::Int(0)),
        (
            "last_enqueued_offset",
            string(extent.last_offset.to_string()),
        ),
        ("last_enqueued_time_utc", time(extent.last_enqueued)),
        ("is_partition_empty", Value::Bool(extent.is_empty())),
    ])
}

/// The delivery-annotations section by which a receiver learns how far the partition has got.
pub(crate) fn runtime_metrics(broker: &Broker, partition: &Partition) -> Vec<u8> {
    let extent = partition.extent();
    let symbol = |name: &str| Value::Symbol(name.into());
    let entries = [
        (
            "last_enqueued_sequence_number",
            Value::Long(extent.last_sequence_number),
        ),
        (
            "last_enqueued_offset",
            string(extent.last_offset.to_string()),
        ),
        ("last_enqueued_time_utc", time(extent.last_enqueued)),
        ("runtime_info_retrieval_time_utc", time(broker.clock.now())),
    ];
    let entries = entries.into_iter();
    let annotations: OrderedMap<Value, Value> =
        entries.map(|(key, value)| (symbol(key), value)).collect();
    let mut section = vec![0x00, 0x53, 0x71];
    match serde_amqp::to_vec(&Value::Map(annotations)) {
        Ok(encoded) => {
            section.extend(encoded);
            section
        }
        Err(_) => Vec::new(),
    }
}
