//! Gathers events while batches are on their way, and keeps the client.
//!
//! It owns the client. An event waits here only as long as its sender waits; the relay never has two
//! of one subject under way, so that the batches of a partition need no order among them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use rollcall_store::Delivery;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Config;
use super::hub::{Hub, Sent};
use crate::SinkError;

/// Events that one round takes: several batches of the usual size.
const ROUND: usize = 1_000;
/// Event Hubs ends links that were not used for ten minutes or more.
const IDLE: Duration = Duration::from_secs(300);

/// An event, and who wants to know what became of it.
pub(super) struct Request {
    pub(super) event: Delivery,
    pub(super) answer: oneshot::Sender<Result<(), SinkError>>,
}

pub(super) struct Lane {
    config: Config,
    requests: mpsc::Receiver<Request>,
    open: Option<(Hub, Instant)>,
}

impl Lane {
    pub(super) fn new(config: Config, requests: mpsc::Receiver<Request>) -> Self {
        Self {
            config,
            requests,
            open: None,
        }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self) {
        let mut round = Vec::new();
        while self.requests.recv_many(&mut round, ROUND).await > 0 {
            // Whoever waits no longer will ask again.
            round.retain(|request| !request.answer.is_closed());
            self.serve(std::mem::take(&mut round)).await;
        }
        if let Some((hub, _)) = self.open {
            hub.close().await;
        }
    }

    async fn serve(&mut self, requests: Vec<Request>) {
        if self
            .open
            .as_ref()
            .is_some_and(|(_, used)| used.elapsed() >= IDLE)
        {
            self.give_up().await;
        }
        if self.open.is_none() {
            match Hub::open(&self.config).await {
                Ok(hub) => self.open = Some((hub, Instant::now())),
                Err(error) => return answer_all(requests, &Err(error)),
            }
        }
        let Some((hub, used_at)) = &mut self.open else {
            return;
        };
        *used_at = Instant::now();
        let mut by_partition: BTreeMap<String, Vec<Request>> = BTreeMap::new();
        for request in requests {
            let partition = hub.partition_of(&request.event).to_owned();
            by_partition.entry(partition).or_default().push(request);
        }
        let partitions = by_partition.into_iter();
        let sends = partitions.map(|(partition, requests)| send(hub, partition, requests));
        if join_all(sends).await.contains(&Client::Broken) {
            self.give_up().await;
        }
    }

    async fn give_up(&mut self) {
        if let Some((hub, _)) = self.open.take() {
            hub.close().await;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Good,
    Broken,
}

/// One batch after the other, until all are answered. When a batch is refused for what is in it, its
/// events are sent one by one, so that only the one pays for it.
async fn send(hub: &Hub, partition: String, mut requests: Vec<Request>) -> Client {
    let (mut client, mut alone) = (Client::Good, 0_usize);
    while !requests.is_empty() {
        let most = if alone > 0 { 1 } else { requests.len() };
        let events: Vec<_> = requests[..most]
            .iter()
            .map(|request| &request.event)
            .collect();
        let Sent { events, result } = hub.send(&partition, &events).await;
        match &result {
            Err(SinkError::Unreachable { .. }) => client = Client::Broken,
            Err(_) if events > 1 => {
                alone = events;
                continue;
            }
            _ => alone = alone.saturating_sub(events),
        }
        let rest = requests.split_off(events);
        answer_all(std::mem::replace(&mut requests, rest), &result);
    }
    client
}

fn answer_all(requests: Vec<Request>, result: &Result<(), SinkError>) {
    for request in requests {
        // Whoever waits no longer will ask again.
        drop(request.answer.send(result.clone()));
    }
}
