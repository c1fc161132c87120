//! A lane: sends the groups of its partitions in order, over a connection of its own.
//!
//! It owns its producer and replaces it after every failure: a sender of the client that got no
//! answer stays stuck. It never reorders the events of one partition.

use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::ProducerClient;
use rand::Rng;
use tokio::sync::mpsc;

use super::producer::{self, Try};
use super::standing::Standing;
use super::{Doubt, Group, Outcome, Outgoing, Report};

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// How a lane deals with a hub that does not take what it is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) doubt: Doubt,
    /// How long the hub may take nothing before it is given up; `None`: until the sender is stopped.
    pub(crate) give_up_after: Option<Duration>,
}

pub(super) struct Lane {
    pub(super) source: Arc<rollcall_source::Config>,
    pub(super) partition_ids: Arc<Vec<String>>,
    pub(super) patience: Patience,
    pub(super) standing: Arc<Standing>,
    pub(super) groups: mpsc::Receiver<Group>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) client: Option<ProducerClient>,
}

/// What one batch went through.
struct Attempt {
    back_off: Duration,
    doubts: u32,
}

impl Lane {
    /// Ends when the sender is finished or nobody takes reports any more.
    pub(super) async fn run(mut self) {
        while let Some(group) = self.groups.recv().await {
            if self.send_group(group).await.is_none() {
                break;
            }
        }
        self.disconnect().await;
    }

    async fn disconnect(&mut self) {
        if let Some(client) = self.client.take() {
            producer::close(client).await;
        }
    }

    async fn send_group(&mut self, group: Group) -> Option<()> {
        let Group {
            partition,
            mut events,
        } = group;
        while !events.is_empty() {
            let (count, outcome) = self.send_first(partition, &events).await;
            let rest = events.split_off(count.min(events.len()));
            let report = Report {
                partition,
                events,
                outcome,
            };
            self.reports.send(report).await.ok()?;
            events = rest;
        }
        Some(())
    }

    /// Tries until the outcome of the first events is settled; returns how many they are.
    async fn send_first(&mut self, partition: usize, events: &[Outgoing]) -> (usize, Outcome) {
        if self.standing.has_given_up() {
            let reason = "the hub was given up".to_owned();
            return (events.len(), Outcome::Unavailable(reason));
        }
        let mut attempt = Attempt {
            back_off: FIRST_BACK_OFF,
            doubts: 0,
        };
        // After a doubt the same batch is sent again, not a longer one: what is in doubt must stay
        // countable.
        let mut limit = events.len();
        loop {
            let tried = self.try_once(partition, &events[..limit]).await;
            self.note(partition, &tried);
            match tried {
                Try::Acknowledged { sent } => {
                    return (
                        sent,
                        Outcome::Acknowledged {
                            doubts: attempt.doubts,
                        },
                    );
                }
                Try::Refused { sent, reason } => return (sent, Outcome::Refused(reason)),
                Try::Unknown { sent, reason } => {
                    attempt.doubts += 1;
                    limit = sent;
                    if self.patience.doubt == Doubt::Leave || self.is_over() {
                        self.disconnect().await;
                        return (sent, Outcome::Unknown(reason));
                    }
                    tracing::debug!(
                        partition,
                        events = sent,
                        "no answer for {sent} events of partition {partition}, whether the hub has \
                         them is unknown: sending them again ({reason})"
                    );
                }
                Try::NotSent { reason } if self.is_over() => {
                    let outcome = match attempt.doubts {
                        0 => Outcome::Unavailable(reason),
                        _ => Outcome::Unknown(reason),
                    };
                    return (limit, outcome);
                }
                Try::NotSent { reason } => {
                    tracing::debug!(
                        partition,
                        "cannot send to partition {partition} yet: {reason}"
                    );
                }
            }
            self.renew(&mut attempt).await;
        }
    }

    async fn try_once(&mut self, partition: usize, events: &[Outgoing]) -> Try {
        if self.client.is_none() {
            match Box::pin(rollcall_source::client::open_producer(&self.source)).await {
                Ok(client) => self.client = Some(client),
                Err(error) => {
                    return Try::NotSent {
                        reason: error.to_string(),
                    };
                }
            }
        }
        let partition_id = self.partition_ids.get(partition).map_or("", String::as_str);
        match &self.client {
            Some(client) => producer::send(client, partition_id, events).await,
            None => Try::NotSent {
                reason: "there is no connection".to_owned(),
            },
        }
    }

    fn note(&self, partition: usize, tried: &Try) {
        match tried {
            Try::Acknowledged { .. } => self.standing.took(partition),
            // An event may be too large for any hub: that tells nothing about this one.
            Try::Refused { .. } => {}
            Try::NotSent { reason } | Try::Unknown { reason, .. } => {
                self.standing.failed(partition, reason);
            }
        }
    }

    fn is_over(&self) -> bool {
        // A hub that is down must not keep a sender alive that has been stopped.
        self.reports.is_closed() || self.standing.is_over(self.patience.give_up_after)
    }

    /// Drops the connection and waits: half to all of the back-off, which then doubles.
    async fn renew(&mut self, attempt: &mut Attempt) {
        self.disconnect().await;
        let jitter = rand::rng().random_range(0.5..1.0);
        tokio::select! {
            () = tokio::time::sleep(attempt.back_off.mul_f64(jitter)) => {}
            () = self.reports.closed() => {}
        }
        attempt.back_off = (attempt.back_off * 2).min(MAX_BACK_OFF);
    }
}
