//! How long statuses wait from the hub to the commit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use rollcall_model::{Clock as _, SystemClock, Timestamp};
use rollcall_pipeline::Handle;
use rollcall_test_servers::Database;

/// When each partition's checkpoint was first seen at a number.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    seen: BTreeMap<u32, Vec<(i64, Timestamp)>>,
}

/// From enqueued to committed, in milliseconds; rising.
pub(super) struct Delays(Vec<f64>);

impl Timeline {
    pub(super) fn look(&mut self, pipeline: &Handle) {
        let now = SystemClock.now();
        for reader in pipeline.status().readers {
            let Some(position) = reader.sequence_number else {
                continue;
            };
            let seen = self.seen.entry(reader.partition_id.0).or_default();
            if seen.last().is_none_or(|(last, _)| *last < position.0) {
                seen.push((position.0, now));
            }
        }
    }

    /// Goes on looking until the checkpoints account for so many events.
    pub(super) async fn until(&mut self, pipeline: &Handle, events: u64) {
        let done = |timeline: &Self| {
            let last = timeline.seen.values().filter_map(|seen| seen.last());
            let stored: i64 = last.map(|(position, _)| position + 1).sum();
            u64::try_from(stored).is_ok_and(|stored| stored >= events)
        };
        while !done(self) {
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.look(pipeline);
        }
    }

    /// Of the statuses of owners whose ids begin with `prefix` that came after the first look.
    pub(super) fn delays(&self, database: &Database<'_>, prefix: &str) -> anyhow::Result<Delays> {
        let rows = database.psql(&format!(
            "SELECT partition_id, sequence_number,
                    (extract(epoch FROM enqueued_at) * 1000000)::bigint
             FROM statuses WHERE owner_id LIKE '{prefix}%'"
        ))?;
        let mut delays = Vec::new();
        for row in rows.lines() {
            let mut fields = row.split('|').map(str::parse::<i64>);
            let mut field = || {
                fields
                    .next()
                    .context("a field is missing")?
                    .context("number")
            };
            let (partition, number, enqueued) = (field()?, field()?, field()?);
            let seen = self.seen.get(&u32::try_from(partition)?);
            let seen = seen.map(Vec::as_slice).unwrap_or_default();
            let index = seen.partition_point(|(position, _)| *position < number);
            // What was committed before the first look has no time here.
            if index > 0
                && let Some((_, at)) = seen.get(index)
            {
                delays.push(milliseconds(at.as_micros() - enqueued));
            }
        }
        delays.sort_by(f64::total_cmp);
        anyhow::ensure!(!delays.is_empty(), "no known owner sent anything");
        Ok(Delays(delays))
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}

impl Delays {
    /// The value that this share of them does not exceed, in thousandths.
    fn at(&self, thousandths: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let index = last * thousandths / 1_000;
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} statuses of known owners meanwhile, from enqueued to committed: p50 {:.0} ms, \
             p99 {:.0} ms, p99.9 {:.0} ms, most {:.0} ms",
            self.0.len(),
            self.at(500),
            self.at(990),
            self.at(999),
            self.at(1_000),
        )
    }
}
