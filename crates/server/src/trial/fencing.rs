//! Stealing by epoch: a higher one displaces, a lower one is refused.
//!
//! Every receiver has a connection of its own: two of one client would share a link.

use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::{EventHubPartitionProperties, ReceivedEventData};
use azure_messaging_eventhubs::{EventHubsError, EventReceiver};
use futures::StreamExt;
use rollcall_source::{Error, client};
use tokio::time::{Instant, timeout_at};

use super::{FIRST_EPOCH, PATIENCE, Trial, milliseconds};
use crate::commands::doctor::Check;

/// Tries to steal the partition from `former`, and then to steal it back with a lower epoch.
pub(super) async fn steal(
    trial: &Trial,
    partition: &EventHubPartitionProperties,
    former: &EventReceiver,
) -> Vec<Check> {
    let consumer = match client::open_consumer(&trial.source).await {
        Ok(consumer) => consumer,
        Err(error) => return vec![Check::new("steals by epoch", Err(error.to_string()))],
    };
    let mut checks = Vec::new();
    match trial.open(&consumer, partition, FIRST_EPOCH + 1).await {
        Ok(thief) => {
            let fought = fight(trial, partition, &thief, former);
            checks.extend(Box::pin(fought).await);
            let closed = trial.within("close the thief", thief.close()).await;
            checks.push(Check::new("closes the thief", closed.map(|()| None)));
        }
        Err(error) => checks.push(Check::new("steals by epoch", Err(error.to_string()))),
    }
    if let Err(fault) = trial.within("close a connection", consumer.close()).await {
        checks.push(Check::new("closes the thief's connection", Err(fault)));
    }
    checks
}

/// What becomes of the former receiver and of one with a lower epoch. The client attaches a
/// receiver only when it is asked for events, so the thief is asked all the while.
async fn fight(
    trial: &Trial,
    partition: &EventHubPartitionProperties,
    thief: &EventReceiver,
    former: &EventReceiver,
) -> Vec<Check> {
    let begun = Instant::now();
    let mut stolen = thief.stream_events();
    let reading = async {
        loop {
            if let Err(fault) = stream_item(stolen.next().await) {
                return format!("the thief lost the partition: {fault}");
            }
        }
    };
    let others = async {
        let displaced = displaced(former).await;
        let detail = |()| {
            let time = milliseconds(begun);
            Some(format!("the former receiver was told, {time}"))
        };
        let refused = lower_is_refused(trial, partition).await;
        vec![
            Check::new("steals by epoch", displaced.map(detail)),
            Check::new("a lower epoch is refused", refused.map(|()| None)),
        ]
    };
    tokio::select! {
        checks = others => checks,
        fault = reading => vec![Check::new("steals by epoch", Err(fault))],
    }
}

/// What the client's stream yields.
type Received = Result<ReceivedEventData, EventHubsError>;

fn stream_item(item: Option<Received>) -> Result<(), String> {
    match item {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(rollcall_source::reason(&error)),
        None => Err("it ended without being told why".to_owned()),
    }
}

/// Waits until the receiver is told that it was displaced.
async fn displaced(receiver: &EventReceiver) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut stream = receiver.stream_events();
    loop {
        match timeout_at(until, stream.next()).await {
            Ok(Some(Err(error))) if matches!(error.kind, ErrorKind::ConsumerDisconnected(_)) => {
                return Ok(());
            }
            Ok(item) => stream_item(item)?,
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Err(format!(
                    "the former receiver was not told within {seconds} s"
                ));
            }
        }
    }
}

/// The refusal comes at the opening or as the first thing that the receiver yields.
async fn lower_is_refused(
    trial: &Trial,
    partition: &EventHubPartitionProperties,
) -> Result<(), String> {
    let opening = client::open_consumer(&trial.source).await;
    let consumer = opening.map_err(|error| error.to_string())?;
    let refused = match trial.open(&consumer, partition, FIRST_EPOCH).await {
        Err(Error::Displaced { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(receiver) => {
            let refused = displaced(&receiver).await;
            if let Err(fault) = trial.within("close a receiver", receiver.close()).await {
                tracing::debug!("a refused receiver did not close in order: {fault}");
            }
            refused
        }
    };
    let closed = trial.within("close a connection", consumer.close()).await;
    refused.and(closed)
}
