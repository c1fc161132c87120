//! Decoding and admission alone: the same bodies through decoding and the owner actors, whose
//! owners are all known.

use rollcall_model::{SequenceNumber, Timestamp};
use rollcall_pipeline::probe::Admission;
use rollcall_source::{BodyKind, Chunk, RawEvent};

use super::whole_path::config;
use super::{Bench, Case, measure as measured};
use crate::database::{Kind, Place};
use crate::load::body;
use crate::report::Measured;

const BATCH: u64 = 2_000;
/// As the receiver makes them.
const CHUNK: u64 = 128;

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let place = Place::new(bench, Kind::Sqlite)?;
    let store = place.open(bench).await?;
    let admission = Admission::start(&config(bench)?, store, bench.io.clone());
    let everybody = bench.arguments.owners * bench.arguments.sub_owners;
    admission
        .decode_and_admit(chunks(bench, 0, everybody)?)
        .await;
    let batches = (0..bench.arguments.events)
        .step_by(usize::try_from(BATCH)?)
        .map(|first| chunks(bench, first, (first + BATCH).min(bench.arguments.events)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let work = async {
        for batch in batches {
            admission.decode_and_admit(batch).await;
        }
        Ok(())
    };
    let case = Case {
        name: "decode and admit",
        database: None,
        hub: None,
    };
    measured(bench, case, work).await
}

fn chunks(bench: &Bench, first: u64, end: u64) -> anyhow::Result<Vec<Chunk>> {
    let mut chunks = Vec::new();
    for start in (first..end).step_by(usize::try_from(CHUNK)?) {
        let mut chunk = Chunk::default();
        for number in start..(start + CHUNK).min(end) {
            chunk.push(RawEvent {
                sequence_number: SequenceNumber(i64::try_from(number)?),
                enqueued_at: Timestamp::EPOCH,
                kind: BodyKind::Plain,
                body: body(&bench.arguments, number).as_bytes(),
            });
        }
        chunks.push(chunk);
    }
    Ok(chunks)
}
