//! The store alone: the rows of the whole path through `Store::commit`, in groups as its status
//! writer makes them.

use std::sync::Arc;

use anyhow::{Context, ensure};
use rollcall_model::{
    CreatedBy, Drops, EventSource, OwnerId, OwnerState, PartitionId, SequenceNumber, Settings,
    Span, Status, SubOwnerId, Timestamp,
};
use rollcall_store::{Answer, Batch, Claim, HubIdentity, Newcomer, Store, Stream, Tenure};

use super::{Bench, Case, measure as measured};
use crate::database::{Kind, Place};
use crate::load::share;
use crate::report::Measured;

const BATCH: u64 = 2_000;

pub(crate) async fn measure(bench: &Bench, database: Kind) -> anyhow::Result<Measured> {
    let place = Place::new(bench, database)?;
    let store = place.open(bench).await?;
    let groups = groups(bench, &store).await?;
    let work = async {
        for group in groups {
            let answers = store.commit(group).await?;
            ensure!(
                answers.iter().all(|answer| *answer == Answer::Committed),
                "{answers:?}"
            );
        }
        Ok(())
    };
    let case = Case {
        name: "store alone",
        database: Some(database),
        hub: None,
    };
    measured(bench, case, work).await
}

/// One group holds a batch of every partition.
pub(super) async fn groups(bench: &Bench, store: &Store) -> anyhow::Result<Vec<Vec<Arc<Batch>>>> {
    let identity = HubIdentity {
        namespace: "bench".to_owned(),
        event_hub: "statuses".to_owned(),
        consumer_group: "$Default".to_owned(),
        created_at: Timestamp::EPOCH,
    };
    let stream = store.resolve_stream(&identity).await?;
    enter_owners(bench, store).await?;
    let tenure = Tenure {
        node: "bench".to_owned(),
        incarnation: uuid::Uuid::new_v4(),
        ttl: std::time::Duration::from_secs(15),
    };
    let mut groups: Vec<Vec<Arc<Batch>>> = Vec::new();
    for partition in 0..bench.arguments.partitions {
        let claim = begin(store, &stream, partition, &tenure).await?;
        let events = share(&bench.arguments, partition);
        for (index, first) in (0..events).step_by(usize::try_from(BATCH)?).enumerate() {
            let span = span(first, (first + BATCH).min(events))?;
            let batch = batch(bench, &stream, &tenure, claim, (partition, span))?;
            if groups.len() <= index {
                groups.push(Vec::new());
            }
            groups
                .get_mut(index)
                .context("group")?
                .push(Arc::new(batch));
        }
    }
    Ok(groups)
}

fn span(first: u64, end: u64) -> anyhow::Result<Span> {
    let number = |number: u64| anyhow::Ok(SequenceNumber(i64::try_from(number)? - 1));
    Ok(Span {
        after: number(first)?,
        upto: number(end)?,
    })
}

async fn enter_owners(bench: &Bench, store: &Store) -> anyhow::Result<()> {
    let sub_owners = (0..bench.arguments.sub_owners)
        .map(|number| SubOwnerId::parse(&format!("meter-{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let newcomers = (0..bench.arguments.owners)
        .map(|number| {
            Ok(Newcomer {
                owner_id: OwnerId::parse(&format!("owner-{number}"))?,
                sub_owner_ids: sub_owners.clone(),
                state: OwnerState::Active,
                created_by: CreatedBy::Stream,
                sub_owners_created_by: CreatedBy::Stream,
                display_name: None,
                settings: Settings::default(),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    store
        .provision(&EventSource::new("bench", "statuses"), newcomers)
        .await?;
    Ok(())
}

async fn begin(
    store: &Store,
    stream: &Stream,
    partition: u32,
    tenure: &Tenure,
) -> anyhow::Result<Claim> {
    let partition_id = PartitionId(partition);
    let claim = store
        .claim_partition(stream.stream_id, partition_id, tenure)
        .await?;
    let claim = claim.context("the partition is leased")?;
    let (epoch, incarnation, first) = (claim.epoch, tenure.incarnation, SequenceNumber(0));
    store
        .begin_partition(
            stream.stream_id,
            partition_id,
            epoch,
            incarnation,
            first,
            None,
        )
        .await?;
    Ok(claim)
}

fn batch(
    bench: &Bench,
    stream: &Stream,
    tenure: &Tenure,
    claim: Claim,
    (partition, span): (u32, Span),
) -> anyhow::Result<Batch> {
    let statuses = (span.after.0 + 1..=span.upto.0)
        .map(|number| status(bench, partition, number))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Batch {
        stream_id: stream.stream_id,
        partition_id: PartitionId(partition),
        epoch: claim.epoch,
        incarnation: tenure.incarnation,
        span,
        statuses,
        held: Vec::new(),
        dead: Vec::new(),
        drops: Drops::default(),
        gaps: Vec::new(),
        offset: None,
    })
}

fn status(bench: &Bench, partition: u32, number: i64) -> anyhow::Result<Status> {
    let global =
        u64::try_from(number)? * u64::from(bench.arguments.partitions) + u64::from(partition);
    let owner = global % bench.arguments.owners;
    let sub_owner = global / bench.arguments.owners % bench.arguments.sub_owners;
    let at = Timestamp::from_millis(1_700_000_000_000 + number);
    Ok(Status {
        sequence_number: SequenceNumber(number),
        enqueued_at: at,
        status_at: at,
        owner_id: OwnerId::parse(&format!("owner-{owner}"))?,
        sub_owner_id: SubOwnerId::parse(&format!("meter-{sub_owner}"))?,
        data: format!("{}.5", number % 1_000).into(),
        value: Some(21.5),
        version: 1,
    })
}
