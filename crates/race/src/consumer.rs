//! A consumer that takes one message at a time, as such programs ordinarily do: the owner, the
//! status, and every so often a checkpoint behind the data.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};

use crate::fate::{Fate, Step, Stop};
use crate::feed::{Feed, Message, Position};
use crate::hands::Hands;
use crate::kind::Kind;
use crate::place::Place;
use crate::progress::Handled;
use crate::session::{Session, Value::Number, Value::Text};
use crate::two_hundred_lines;
use crate::ways::Way;

/// Statuses of a partition between two checkpoints: the samples of the clients show such a number.
const CHECKPOINT_EVERY: u32 = 10;

const STORE: &str =
    "INSERT INTO statuses (owner, sub_owner_id, partition_id, sequence_number, data)
    VALUES ($1, $2, $3, $4, $5)";
pub(crate) const CHECKPOINT: &str = "
    INSERT INTO checkpoints (partition_id, sequence_number) VALUES ($1, $2)
    ON CONFLICT (partition_id) DO UPDATE SET sequence_number = excluded.sequence_number";
const CHECKPOINTS: &str = "SELECT partition_id, sequence_number FROM checkpoints";

/// What a consumer is to do.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub kind: Kind,
    pub place: Place,
    pub source: rollcall_source::Config,
    /// Its partitions, and how many events each has.
    pub partitions: BTreeMap<u32, u64>,
    /// Events of one transaction at the most, where a way takes more than one message.
    pub batch: usize,
    /// Counts what is handled, the repeats too.
    pub handled: Handled,
}

impl Assignment {
    /// Works to the end of its partitions, undisturbed.
    ///
    /// # Errors
    /// If a server fails.
    pub async fn run(&self) -> Result<()> {
        self.live_and_die(&mut Fate::immortal()).await
    }

    /// Works to the end of its partitions, in as many lives as that takes.
    pub(crate) async fn live_and_die(&self, fate: &mut Fate) -> Result<()> {
        loop {
            let lived = match self.kind {
                Kind::TwoHundredLines(job) => two_hundred_lines::live(self, job, fate).await,
                _ => live(self, fate).await,
            };
            match lived {
                Ok(()) => return Ok(()),
                Err(Stop::Killed) => {}
                Err(Stop::Failed(error)) => {
                    return Err(error.context(format!("{} failed", self.kind.title())));
                }
            }
        }
    }

    /// Where this life begins, by the stored checkpoints.
    pub(crate) async fn positions(&self, session: &mut Session) -> Result<Vec<Position>> {
        let stored: BTreeMap<i64, i64> = session.numbers(CHECKPOINTS).await?.into_iter().collect();
        let position = |partition: &u32| Position {
            partition: *partition,
            after: stored.get(&i64::from(*partition)).copied().unwrap_or(-1),
        };
        Ok(self.partitions.keys().map(position).collect())
    }
}

/// How many events a life still has to read.
pub(crate) fn left(assignment: &Assignment, positions: &[Position]) -> Result<u64> {
    let mut left = 0;
    for Position { partition, after } in positions {
        let events = assignment.partitions.get(partition);
        let read = u64::try_from(after + 1)?;
        left += events.context("a partition of another consumer")? - read;
    }
    Ok(left)
}

/// One life.
struct Consumer<'a> {
    hands: Hands<'a>,
    way: Box<dyn Way>,
    /// Rows of the owners that this life has seen.
    rows: HashMap<String, i64>,
    /// Statuses of each partition since its last checkpoint.
    since_checkpoint: BTreeMap<u32, u32>,
}

async fn live(assignment: &Assignment, fate: &mut Fate) -> Step<()> {
    let mut hands = Hands::open(&assignment.place, fate).await?;
    let positions = assignment.positions(&mut hands.session).await?;
    let mut left = left(assignment, &positions)?;
    let mut feed = Feed::open(assignment.source.clone(), positions);
    let way = assignment.kind.way().context("a way without messages")?;
    let mut consumer = Consumer {
        hands,
        way,
        rows: HashMap::new(),
        since_checkpoint: BTreeMap::new(),
    };
    while left > 0 {
        let message = feed.next().await?;
        left -= 1;
        consumer.handle(&message).await?;
        assignment.handled.add(1);
        consumer.checkpoint(&message).await?;
    }
    Ok(consumer.hands.session.close().await?)
}

impl Consumer<'_> {
    async fn handle(&mut self, message: &Message) -> Step<()> {
        let Some(row) = self.row(&message.owner_id).await? else {
            tracing::debug!(owner_id = %message.owner_id, "gave up on a status");
            return Ok(());
        };
        let status = [
            Number(row),
            Text(&message.sub_owner_id),
            Number(i64::from(message.partition)),
            Number(message.sequence_number),
            Text(&message.data),
        ];
        self.hands.run(STORE, &status).await
    }

    async fn row(&mut self, owner_id: &str) -> Step<Option<i64>> {
        if let Some(row) = self.rows.get(owner_id) {
            return Ok(Some(*row));
        }
        self.hands.fate.meet_newcomer();
        let row = self.way.row(&mut self.hands, owner_id).await?;
        if let Some(row) = row {
            self.rows.insert(owner_id.to_owned(), row);
        }
        Ok(row)
    }

    async fn checkpoint(&mut self, message: &Message) -> Step<()> {
        let since = self.since_checkpoint.entry(message.partition).or_default();
        *since += 1;
        if *since < CHECKPOINT_EVERY {
            return Ok(());
        }
        *since = 0;
        let position = [
            Number(i64::from(message.partition)),
            Number(message.sequence_number),
        ];
        self.hands.run(CHECKPOINT, &position).await
    }
}
