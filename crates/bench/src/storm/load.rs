//! What the storm's senders send.

use std::time::Duration;

use anyhow::ensure;
use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rollcall_source::client;
use tokio::time::Instant;

/// Their ids begin so.
pub(super) const KNOWN_PREFIX: &str = "known-";
const KNOWN: u64 = 200;
/// How often a paced sender sends.
const TICK: Duration = Duration::from_millis(20);

/// The sender, and what it has sent.
pub(super) struct Load {
    producer: ProducerClient,
    partitions: u32,
    rng: ChaCha8Rng,
    newcomers: u64,
    sent: u64,
}

impl Load {
    pub(super) async fn open(
        source: &rollcall_source::Config,
        partitions: u32,
        seed: u64,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            producer: client::open_producer(source).await?,
            partitions,
            rng: ChaCha8Rng::seed_from_u64(seed),
            newcomers: 0,
            sent: 0,
        })
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// All that have sent something.
    pub(super) fn owners(&self) -> u64 {
        KNOWN + self.newcomers
    }

    /// A first status of each owner that is to be known.
    pub(super) async fn greet(&mut self) -> anyhow::Result<()> {
        let bodies = (0..KNOWN).map(known).collect();
        self.scatter(bodies).await
    }

    /// Newcomers in random order, on all partitions.
    pub(super) async fn backlog(&mut self, newcomers: u64) -> anyhow::Result<()> {
        const AT_ONCE: u64 = 100_000;
        let end = self.newcomers + newcomers;
        while self.newcomers < end {
            let bodies = self.newcomers(AT_ONCE.min(end - self.newcomers));
            self.scatter(bodies).await?;
        }
        Ok(())
    }

    /// Newcomers and statuses of known owners, each at its rate, until the newcomers are through.
    pub(super) async fn pace(
        &mut self,
        newcomers: u64,
        newcomers_per_second: f64,
        known_per_second: u32,
    ) -> anyhow::Result<()> {
        ensure!(newcomers_per_second > 0.0, "no rate");
        let end = self.newcomers + newcomers;
        let started = Instant::now();
        let (mut greeted, first) = (0, self.newcomers);
        while self.newcomers < end {
            tokio::time::sleep(TICK).await;
            // By the clock, so that what a slow send delayed is made up for.
            let passed = started.elapsed().as_secs_f64();
            let due = first + count(passed * newcomers_per_second);
            let mut bodies = self.newcomers(due.min(end).saturating_sub(self.newcomers));
            let greetings = count(passed * f64::from(known_per_second));
            for _ in greeted..greetings {
                bodies.push(known(self.rng.random_range(0..KNOWN)));
            }
            greeted = greetings;
            self.scatter(bodies).await?;
        }
        Ok(())
    }

    fn newcomers(&mut self, count: u64) -> Vec<String> {
        let first = self.newcomers;
        self.newcomers += count;
        let mut bodies: Vec<String> = (first..self.newcomers).map(newcomer).collect();
        bodies.shuffle(&mut self.rng);
        bodies
    }

    /// Sends the bodies, each on a partition by chance.
    async fn scatter(&mut self, bodies: Vec<String>) -> anyhow::Result<()> {
        let mut shares: Vec<Vec<String>> = Vec::new();
        shares.resize_with(self.partitions as usize, Vec::new);
        for body in bodies {
            let index = self.rng.random_range(0..shares.len());
            if let Some(share) = shares.get_mut(index) {
                share.push(body);
            }
        }
        for (partition, share) in shares.into_iter().enumerate() {
            self.send(partition, share).await?;
        }
        Ok(())
    }

    async fn send(&mut self, partition: usize, bodies: Vec<String>) -> anyhow::Result<()> {
        let mut bodies = bodies.into_iter().peekable();
        while bodies.peek().is_some() {
            let options = EventDataBatchOptions {
                partition_id: Some(partition.to_string()),
                ..Default::default()
            };
            let batch = self.producer.create_batch(Some(options)).await?;
            let mut added = 0;
            while let Some(body) = bodies.peek() {
                if !batch.try_add_event_data(body.clone(), None)? {
                    break;
                }
                bodies.next();
                added += 1;
            }
            ensure!(added > 0, "an event does not fit into a batch");
            self.producer.send_batch(batch, None).await?;
            self.sent += added;
        }
        Ok(())
    }
}

/// Ids in no order, as they come in earnest.
fn newcomer(number: u64) -> String {
    let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(r#"{{"dataOwnerId":"{id:016x}","dataOwnerSubId":"meter","data":21.5}}"#)
}

fn known(number: u64) -> String {
    format!(r#"{{"dataOwnerId":"{KNOWN_PREFIX}{number}","dataOwnerSubId":"meter","data":21.5}}"#)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate by a time: positive and far below 2^53"
)]
fn count(number: f64) -> u64 {
    number as u64
}
