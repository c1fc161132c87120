//! The stream: newcomers and their statuses, dealt to the partitions by a seed.
//!
//! A newcomer begins with a burst, a status of each of its first sub-owners, and each status goes to
//! any partition: so several consumers meet it within the same moment. Later it sends again.

use anyhow::Result;
use azure_messaging_eventhubs::EventDataBatchOptions;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rollcall_source::client;

/// Statuses with which a newcomer begins.
const BURST: u32 = 4;

/// What is sent. The same plan is the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub owners: u32,
    pub statuses_per_owner: u32,
    pub partitions: u32,
}

impl Plan {
    #[must_use]
    pub fn statuses(&self) -> u64 {
        u64::from(self.owners) * u64::from(self.statuses_per_owner)
    }

    /// The bodies of each partition, in their order.
    #[must_use]
    pub fn bodies(&self) -> Vec<Vec<String>> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let burst = self.statuses_per_owner.min(BURST);
        let mut order: Vec<(u32, u32)> = Vec::new();
        for owner in 0..self.owners {
            order.extend((0..burst).map(|number| (owner, number)));
            // As many later statuses as newcomers have left to send, from any of those so far.
            for number in burst..self.statuses_per_owner {
                order.push((random.random_range(0..=owner), number));
            }
        }
        let mut partitions = vec![Vec::new(); self.partitions as usize];
        for (owner, number) in order {
            let partition = random.random_range(0..partitions.len().max(1));
            let tenths = random.random_range(0..1_000);
            if let Some(bodies) = partitions.get_mut(partition) {
                bodies.push(body(owner, number, tenths));
            }
        }
        partitions
    }

    /// Sends the stream into a hub that has as many partitions; how many events each one got.
    ///
    /// # Errors
    /// If the hub does not take them.
    pub async fn send(&self, source: &rollcall_source::Config) -> Result<Vec<u64>> {
        let producer = client::open_producer(source).await?;
        let mut sent = Vec::new();
        for (partition, bodies) in self.bodies().into_iter().enumerate() {
            sent.push(bodies.len() as u64);
            let mut left = bodies.into_iter().peekable();
            while left.peek().is_some() {
                let options = EventDataBatchOptions {
                    partition_id: Some(partition.to_string()),
                    ..Default::default()
                };
                let batch = producer.create_batch(Some(options)).await?;
                while let Some(body) = left.peek() {
                    if !batch.try_add_event_data(body.clone(), None)? {
                        break;
                    }
                    left.next();
                }
                producer.send_batch(batch, None).await?;
            }
        }
        producer.close().await?;
        Ok(sent)
    }
}

#[must_use]
pub(crate) fn owner_id(number: u32) -> String {
    format!("owner-{number}")
}

fn body(owner: u32, sub_owner: u32, tenths: u32) -> String {
    format!(
        r#"{{"dataOwnerId":"{}","dataOwnerSubId":"meter-{sub_owner}","data":{}.{}}}"#,
        owner_id(owner),
        tenths / 10,
        tenths % 10
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PLAN: Plan = Plan {
        seed: 7,
        owners: 50,
        statuses_per_owner: 6,
        partitions: 8,
    };

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_one_another() {
        assert_eq!(PLAN.bodies(), PLAN.bodies());
        let other = Plan { seed: 8, ..PLAN };
        assert_ne!(PLAN.bodies(), other.bodies());
    }

    #[test]
    fn every_owner_is_in_the_stream_and_most_are_on_several_partitions() {
        let partitions = PLAN.bodies();
        let events: usize = partitions.iter().map(Vec::len).sum();
        assert_eq!(events as u64, PLAN.statuses());
        let meeting = |owner: u32| {
            let of_owner = format!("\"{}\"", owner_id(owner));
            let on = |bodies: &&Vec<String>| bodies.iter().any(|body| body.contains(&of_owner));
            partitions.iter().filter(on).count()
        };
        let counts: Vec<usize> = (0..PLAN.owners).map(meeting).collect();
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        let distinct: BTreeSet<usize> = counts.into_iter().collect();
        assert!(distinct.iter().any(|count| *count >= 3), "{distinct:?}");
    }
}
