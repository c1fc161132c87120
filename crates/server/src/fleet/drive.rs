//! Sends the plan at its pace. When the hub is slow the fleet falls behind and catches up.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Plan, Planned};
use crate::sending::{Dispatcher, Group, Outgoing};
use crate::shutdown::Shutdown;

/// How long due events are gathered, so that a fast fleet sends batches; far below what anybody
/// sees.
const TICK: Duration = Duration::from_millis(20);
/// Events handed over at once when the fleet is behind.
const MAX_PER_TICK: usize = 8_000;
/// Events in one group: one AMQP batch.
const GROUP_EVENTS: usize = 1_000;

/// When the fleet stops by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Drive {
    pub(crate) duration: Option<Duration>,
    pub(crate) events: Option<u64>,
}

/// Why the fleet stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driven {
    /// Duration or number of events reached.
    Done,
    /// A shutdown was asked for.
    Stopped,
    /// The senders are gone.
    Cut,
}

impl Drive {
    /// Returns when all that was handed over is reported.
    pub(crate) async fn run(
        self,
        plan: Plan,
        dispatcher: Dispatcher,
        mut shutdown: Shutdown,
    ) -> Driven {
        let began = Instant::now();
        let mut plan = plan.peekable();
        let driven = loop {
            let Some(due) = self.next_due(&mut plan) else {
                break Driven::Done;
            };
            tokio::select! {
                () = shutdown.asked() => break Driven::Stopped,
                () = sleep_until((began + due).max(Instant::now() + TICK)) => {}
            }
            let events = self.due_events(&mut plan, began.elapsed());
            let submitted = tokio::select! {
                () = shutdown.asked() => break Driven::Stopped,
                submitted = submit(&dispatcher, events) => submitted,
            };
            if submitted.is_none() {
                break Driven::Cut;
            }
        };
        dispatcher.finish().await;
        driven
    }

    fn next_due(self, plan: &mut Peekable<Plan>) -> Option<Duration> {
        plan.peek()
            .filter(|planned| self.covers(planned))
            .map(|planned| planned.due)
    }

    fn covers(self, planned: &Planned) -> bool {
        self.duration.is_none_or(|duration| planned.due < duration)
            && self.events.is_none_or(|events| planned.number < events)
    }

    fn due_events(self, plan: &mut Peekable<Plan>, elapsed: Duration) -> Vec<Planned> {
        let mut events = Vec::new();
        while events.len() < MAX_PER_TICK {
            match plan.next_if(|planned| planned.due <= elapsed && self.covers(planned)) {
                Some(planned) => events.push(planned),
                None => break,
            }
        }
        events
    }
}

async fn submit(dispatcher: &Dispatcher, events: Vec<Planned>) -> Option<()> {
    let mut by_partition: BTreeMap<usize, Vec<Outgoing>> = BTreeMap::new();
    for Planned {
        number,
        partition,
        body,
        ..
    } in events
    {
        by_partition
            .entry(partition)
            .or_default()
            .push(Outgoing { number, body });
    }
    for (partition, mut events) in by_partition {
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(GROUP_EVENTS));
            dispatcher.submit(Group { partition, events }).await?;
            events = rest;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use rollcall_model::Timestamp;

    use super::*;
    use crate::fleet::Fleet;

    fn plan() -> Peekable<Plan> {
        let fleet = Fleet {
            owners: 10,
            sub_owners: 1,
            interval: Duration::from_secs(10),
            seed: 1,
            malformed: 0.0,
            duplicates: 0.0,
        };
        Plan::new(fleet, 4, Timestamp::EPOCH).peekable()
    }

    #[test]
    fn what_is_due_is_handed_over_once() {
        let mut plan = plan();
        let drive = Drive::default();
        assert_eq!(drive.due_events(&mut plan, Duration::from_secs(2)).len(), 3);
        assert_eq!(drive.due_events(&mut plan, Duration::from_secs(2)).len(), 0);
        assert_eq!(drive.next_due(&mut plan), Some(Duration::from_secs(3)));
    }

    #[test]
    fn duration_and_number_end_the_fleet() {
        let ten_seconds = Drive {
            duration: Some(Duration::from_secs(5)),
            events: None,
        };
        assert_eq!(ten_seconds.due_events(&mut plan(), Duration::MAX).len(), 5);
        let mut rest = plan();
        let seven = Drive {
            duration: None,
            events: Some(7),
        };
        assert_eq!(seven.due_events(&mut rest, Duration::MAX).len(), 7);
        assert_eq!(seven.next_due(&mut rest), None);
    }
}
