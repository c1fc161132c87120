//! `source.on_gap = stop`: a partition stops before a gap until somebody accepts it.
//!
//! It owns what was read behind the gap, so that nothing is read again once the gap is accepted.
//! The acceptance lies in the partition's row: any node can be asked for it, and a reader that
//! begins anew before the same gap passes it. It counts up to a number, so that a later gap stops
//! the partition again.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use rollcall_model::{PartitionId, SequenceNumber, StreamId};
use rollcall_store::{Gap, Store};

use crate::config::OnGap;
use crate::decoded::Decoded;
use crate::error::chain;
use crate::partition_reader::ReaderParts;
use crate::reader_gauge::ReaderGauge;

/// Between two looks whether the gap was accepted.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct GapStop {
    policy: OnGap,
    store: Store,
    stream_id: StreamId,
    partition_id: PartitionId,
    gauge: Arc<ReaderGauge>,
    stopped_partitions: Gauge,
    /// What was accepted when we last looked.
    accepted: Option<SequenceNumber>,
    /// Begins with the gap.
    waiting: Option<Decoded>,
    /// Somebody was told of the gap that we wait at.
    told: bool,
}

impl GapStop {
    pub(crate) fn new(parts: &ReaderParts, stream_id: StreamId) -> Self {
        Self {
            policy: parts.on_gap,
            store: parts.store.clone(),
            stream_id,
            partition_id: parts.partition_id,
            gauge: Arc::clone(&parts.gauge),
            stopped_partitions: parts.stopped_at_gap.clone(),
            accepted: None,
            waiting: None,
            told: false,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.waiting.is_some()
    }

    /// What of the batch may go on: everything, or what lies before a gap that stops the partition.
    pub(crate) fn hold_back(&mut self, mut batch: Decoded) -> Option<Decoded> {
        let gap = batch.gaps.iter().find(|gap| self.stops_at(gap)).copied();
        if let Some(gap) = gap {
            self.waiting = Some(batch.split_at(gap.span.after));
        }
        Some(batch).filter(|batch| !batch.span.is_empty())
    }

    fn stops_at(&self, gap: &Gap) -> bool {
        self.policy == OnGap::Stop
            && self
                .accepted
                .is_none_or(|accepted| accepted < gap.span.upto)
    }

    /// Waits until the gap is accepted; what may go on then. Safe to cancel. Pends for ever, if the
    /// partition has not stopped.
    pub(crate) async fn passed(&mut self) -> Option<Decoded> {
        loop {
            let Some(gap) = self.waiting.as_ref().and_then(|batch| batch.gaps.first()) else {
                return std::future::pending().await;
            };
            let gap = *gap;
            self.look().await;
            if !self.stops_at(&gap) {
                tracing::warn!(partition_id = %self.partition_id, gap = %gap.span, "the gap was accepted: the partition is read on");
                self.forget();
                let batch = self.waiting.take();
                return batch.and_then(|batch| self.hold_back(batch));
            }
            self.tell(&gap);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&mut self) {
        match self.store.list_partitions(self.stream_id).await {
            Ok(rows) => {
                let row = rows
                    .iter()
                    .find(|row| row.partition_id == self.partition_id);
                self.accepted = row.and_then(|row| row.gap_accepted_upto);
            }
            Err(error) => {
                let (partition_id, error) = (self.partition_id, chain(&error));
                tracing::debug!(%partition_id, error, "whether the gap was accepted is not known");
            }
        }
    }

    fn tell(&mut self, gap: &Gap) {
        if self.told {
            return;
        }
        self.told = true;
        self.stopped_partitions.inc();
        let sentence = sentence(self.partition_id, gap);
        tracing::error!(partition_id = %self.partition_id, gap = %gap.span, "{sentence}");
        self.gauge.note_gap(Some(sentence));
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.told) {
            self.stopped_partitions.dec();
            self.gauge.note_gap(None);
        }
    }
}

impl Drop for GapStop {
    fn drop(&mut self) {
        self.forget();
    }
}

/// What, where and how to mend.
fn sentence(partition_id: PartitionId, gap: &Gap) -> String {
    let (first, upto) = (gap.span.after.next(), gap.span.upto);
    let (count, reason) = (gap.span.len(), gap.reason.as_str());
    format!(
        "partition {partition_id} stopped before a gap: the hub does not have the {count} events \
         from {first} to {upto} ({reason}); accept the loss by POST \
         /api/v1/partitions/{partition_id}/accept-gap with {{\"upto_sequence_number\": {upto}}}, or \
         set source.on_gap to continue"
    )
}
