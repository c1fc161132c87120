//! The trial's own events: sent, received, and what their numbers look like.

use azure_messaging_eventhubs::models::{
    EventData, EventHubPartitionProperties, ReceivedEventData,
};
use azure_messaging_eventhubs::{EventDataBatchOptions, EventReceiver, ProducerClient};
use futures::StreamExt;
use rollcall_source::client;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{PATIENCE, Trial, milliseconds};
use crate::commands::doctor::Check;

/// Enough to see a hole between two numbers, few enough to disturb nobody.
const EVENTS: usize = 3;
/// The one field of their bodies. They have no owner.
const MARK: &str = "rollcallDoctor";

/// One of our events as the hub delivered it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Delivered {
    sequence_number: i64,
    offset: Option<String>,
}

pub(super) async fn send_and_receive(
    trial: &Trial,
    partition: &EventHubPartitionProperties,
    receiver: &EventReceiver,
) -> Vec<Check> {
    let begun = Instant::now();
    let sent = send(trial, &partition.id).await;
    let detail = |()| {
        Some(format!(
            "{EVENTS} marked {MARK} {}, {}",
            trial.id,
            milliseconds(begun)
        ))
    };
    let mut checks = vec![Check::new("sends", sent.clone().map(detail))];
    if sent.is_err() {
        return checks;
    }
    let received = receive(trial, receiver).await;
    let latency = format!(
        "all of them, {} after they were begun to be sent",
        milliseconds(begun)
    );
    checks.push(Check::new(
        "receives",
        received
            .as_ref()
            .map(|_| Some(latency))
            .map_err(Clone::clone),
    ));
    if let Ok(delivered) = received {
        checks.push(Check::new(
            "numbers the events",
            numbering(partition, &delivered).map(Some),
        ));
        let unknown = "not told: the official client does not show whether deliveries come settled";
        checks.push(Check::new("settlement mode", Ok(Some(unknown.to_owned()))));
    }
    checks
}

async fn send(trial: &Trial, partition_id: &str) -> Result<(), String> {
    let opening = client::open_producer(&trial.source).await;
    let producer = opening.map_err(|error| error.to_string())?;
    let sent = send_with(trial, &producer, partition_id).await;
    let closed = trial.within("close the producer", producer.close()).await;
    sent.and(closed)
}

async fn send_with(
    trial: &Trial,
    producer: &ProducerClient,
    partition_id: &str,
) -> Result<(), String> {
    let options = EventDataBatchOptions {
        partition_id: Some(partition_id.to_owned()),
        ..EventDataBatchOptions::default()
    };
    let opening = producer.create_batch(Some(options));
    let batch = trial.within("open a sender", opening).await?;
    for number in 0..EVENTS {
        let body = json!({ MARK: trial.id, "number": number }).to_string();
        let event = EventData::builder().with_body(body.into_bytes()).build();
        let added = batch.try_add_event_data(event, None);
        if !added.map_err(|error| error.to_string())? {
            return Err("the hub takes no batch of that size".to_owned());
        }
    }
    trial
        .within("send a batch", producer.send_batch(batch, None))
        .await
}

/// Waits for our events; those of others pass by.
async fn receive(trial: &Trial, receiver: &EventReceiver) -> Result<Vec<Delivered>, String> {
    let until = Instant::now() + PATIENCE;
    let mut stream = receiver.stream_events();
    let mut delivered = Vec::new();
    while delivered.len() < EVENTS {
        match timeout_at(until, stream.next()).await {
            Ok(Some(Ok(event))) if is_ours(trial, &event) => delivered.push(Delivered {
                sequence_number: event
                    .sequence_number()
                    .ok_or("an event came without a number")?,
                offset: event.offset().clone(),
            }),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(rollcall_source::reason(&error)),
            Ok(None) => return Err("the receiver ended".to_owned()),
            Err(_) => {
                let (came, seconds) = (delivered.len(), PATIENCE.as_secs());
                return Err(format!("{came} of {EVENTS} events came within {seconds} s"));
            }
        }
    }
    Ok(delivered)
}

fn is_ours(trial: &Trial, event: &ReceivedEventData) -> bool {
    let body = event.event_data().body().unwrap_or_default();
    let body: Option<Value> = serde_json::from_slice(body).ok();
    body.is_some_and(|body| body[MARK] == json!(trial.id))
}

/// Numbers must grow; what else they do differs from hub to hub, and is told.
fn numbering(
    partition: &EventHubPartitionProperties,
    delivered: &[Delivered],
) -> Result<String, String> {
    let numbers: Vec<_> = delivered.iter().map(|it| it.sequence_number).collect();
    let last = partition.last_enqueued_sequence_number;
    let steps: Vec<_> = std::iter::once(&last)
        .chain(&numbers)
        .zip(&numbers)
        .map(|(before, number)| number - before)
        .collect();
    if steps.iter().any(|step| *step < 1) {
        return Err(format!("the numbers {numbers:?} do not grow behind {last}"));
    }
    // Before our first one somebody else may have sent.
    let holes = match steps[1..].iter().all(|step| *step == 1) {
        true => "without a hole".to_owned(),
        false => format!("with steps of {:?}", &steps[1..]),
    };
    let behind = match steps[0] {
        1 => format!("right behind {last}"),
        step => format!("{step} behind {last}"),
    };
    let offsets: Vec<_> = delivered.iter().map(|it| it.offset.as_deref()).collect();
    Ok(format!(
        "{numbers:?}, {behind}, {holes}; offsets are {}",
        offset_form(&numbers, &offsets)
    ))
}

fn offset_form(numbers: &[i64], offsets: &[Option<&str>]) -> String {
    let as_numbers: Vec<Option<i64>> = offsets
        .iter()
        .map(|offset| offset.and_then(|offset| offset.parse().ok()))
        .collect();
    let shown = offsets.first().copied().flatten().unwrap_or("missing");
    if as_numbers
        .iter()
        .zip(numbers)
        .all(|(offset, number)| *offset == Some(*number))
    {
        "the numbers themselves".to_owned()
    } else if as_numbers.iter().all(Option::is_some) {
        format!("other numbers, such as {shown}")
    } else {
        format!("no numbers, such as {shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(last_enqueued_sequence_number: i64) -> EventHubPartitionProperties {
        EventHubPartitionProperties {
            id: "0".to_owned(),
            eventhub: "statuses".to_owned(),
            beginning_sequence_number: 0,
            last_enqueued_sequence_number,
            last_enqueued_offset: String::new(),
            last_enqueued_time_utc: None,
            is_empty: false,
        }
    }

    fn delivered(events: &[(i64, &str)]) -> Vec<Delivered> {
        let one = |(sequence_number, offset): &(i64, &str)| Delivered {
            sequence_number: *sequence_number,
            offset: Some((*offset).to_owned()),
        };
        events.iter().map(one).collect()
    }

    #[test]
    fn the_numbering_tells_holes_strangers_and_the_form_of_offsets() {
        let told = |events: &[(i64, &str)]| numbering(&partition(6), &delivered(events));
        for (events, text) in [
            (
                [(7, "7"), (8, "8")],
                "[7, 8], right behind 6, without a hole; offsets are the numbers themselves",
            ),
            (
                [(9, "120"), (12, "176")],
                "[9, 12], 3 behind 6, with steps of [3]; offsets are other numbers, such as 120",
            ),
            (
                [(7, "2:7"), (8, "2:8")],
                "[7, 8], right behind 6, without a hole; offsets are no numbers, such as 2:7",
            ),
        ] {
            assert_eq!(told(&events).unwrap(), text);
        }
        assert!(told(&[(7, "7"), (7, "7")]).is_err());
        assert!(told(&[(6, "6"), (7, "7")]).is_err());
    }
}
