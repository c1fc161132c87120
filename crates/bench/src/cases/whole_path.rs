//! The whole path: a node's pipeline reads, admits and stores every event.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rollcall_model::SystemClock;
use rollcall_pipeline::Handle;

use super::{Bench, Case, measure as measured};
use crate::database::{Kind, Place};
use crate::hub_process::HubProcess;
use crate::report::Measured;

pub(crate) async fn measure(
    bench: &Bench,
    database: Kind,
    hub: &HubProcess,
    settlement: &'static str,
) -> anyhow::Result<Measured> {
    let place = Place::new(bench, database)?;
    let store = place.open(bench).await?;
    let source = hub.source(&bench.arguments);
    let mut started = None;
    let work = async {
        let pipeline = started.insert(rollcall_pipeline::start(
            config(bench)?,
            source,
            store.clone(),
            Arc::new(SystemClock),
            bench.io.clone(),
        )?);
        until_stored(pipeline, bench.arguments.events).await;
        Ok(())
    };
    let case = Case {
        name: "whole path",
        database: Some(database),
        hub: Some((hub, settlement)),
    };
    let result = measured(bench, case, work).await?;
    if let Some(pipeline) = started {
        pipeline.drain().await;
    }
    let mut stored = 0;
    for stream in store.current_streams().await? {
        let partitions = store.list_partitions(stream.stream_id).await?;
        stored += partitions
            .iter()
            .map(|partition| partition.stored)
            .sum::<u64>();
    }
    ensure!(
        stored == bench.arguments.events,
        "{stored} of {} stored",
        bench.arguments.events
    );
    Ok(result)
}

/// Until the checkpoints account for so many events.
pub(crate) async fn until_stored(pipeline: &Handle, events: u64) {
    let done = || {
        let readers = pipeline.status().readers;
        let stored: i64 = readers
            .iter()
            .filter_map(|reader| reader.sequence_number)
            .map(|at| at.0 + 1)
            .sum();
        u64::try_from(stored).is_ok_and(|stored| stored >= events)
    };
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn config(bench: &Bench) -> anyhow::Result<rollcall_pipeline::Config> {
    let some = |number: usize| NonZeroUsize::new(number).context("zero");
    Ok(rollcall_pipeline::Config {
        node: "bench".to_owned(),
        incarnation: uuid::Uuid::new_v4(),
        roles: vec!["ingest".to_owned()],
        api: None,
        owner_shards: some(bench.arguments.shards)?,
        arbiters: std::thread::available_parallelism()?,
        max_resident_entries: some(2_000_000)?,
        batch_max_events: some(2_000)?,
        batch_max_bytes: some(4 << 20)?,
        batch_max_wait: Duration::from_millis(200),
        in_flight_batches: some(4)?,
        writers: some(bench.arguments.writers)?,
        group_max_events: some(20_000)?,
        lease_ttl: Duration::from_secs(15),
        renew_interval: Duration::from_secs(5),
        max_restarts_per_minute: 120,
        status_retention: None,
        on_gap: rollcall_pipeline::OnGap::Continue,
        claims: None,
        policy: rollcall_pipeline::Policy::default(),
        drain_timeout: Duration::from_secs(30),
    })
}
