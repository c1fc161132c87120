//! Two hundred lines that a good engineer would write: the official client, batches, one statement
//! per table, the outbox in the same transaction, the checkpoint afterwards. PostgreSQL only.
//!
//! [`Job::Bare`] enters owners and stores statuses. [`Job::Whole`] does what Rollcall does: it also
//! enters sub-owners, announces them, keeps the latest status of each, and refuses repeats by a key.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use uuid::Uuid;

use crate::consumer::{Assignment, left};
use crate::fate::{Fate, Step};
use crate::feed::{Feed, Message};
use crate::session::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    Bare,
    Whole,
}

const TABLES: &str = "
    CREATE TABLE owners (owner_id TEXT PRIMARY KEY);
    CREATE TABLE sub_owners (
        owner_id TEXT, sub_owner_id TEXT, PRIMARY KEY (owner_id, sub_owner_id));
    CREATE TABLE statuses (
        owner_id TEXT NOT NULL, sub_owner_id TEXT NOT NULL, partition_id BIGINT NOT NULL,
        sequence_number BIGINT NOT NULL, enqueued_at BIGINT NOT NULL, data TEXT NOT NULL);
    CREATE TABLE latest_statuses (LIKE statuses, PRIMARY KEY (owner_id, sub_owner_id));
    CREATE TABLE checkpoints (partition_id BIGINT PRIMARY KEY, sequence_number BIGINT NOT NULL);
    CREATE TABLE outbox (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id TEXT NOT NULL,
        owner_id TEXT NOT NULL, sent BIGINT NOT NULL DEFAULT 0);
    CREATE INDEX outbox_unsent ON outbox (id) WHERE sent = 0;";
const KEY: &str = "ALTER TABLE statuses ADD PRIMARY KEY (partition_id, sequence_number)";

const ENTER_OWNERS: &str = "
    INSERT INTO owners SELECT * FROM UNNEST($1::text[]) ON CONFLICT DO NOTHING RETURNING owner_id";
const ENTER_SUB_OWNERS: &str = "
    INSERT INTO sub_owners SELECT * FROM UNNEST($1::text[], $2::text[])
    ON CONFLICT DO NOTHING RETURNING owner_id || '/' || sub_owner_id";
const ANNOUNCE: &str = "
    INSERT INTO outbox (event_id, owner_id) SELECT * FROM UNNEST($1::text[], $2::text[])";
const STORE: &str = "
    INSERT INTO statuses
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[])
    ON CONFLICT DO NOTHING";
const LATEST: &str = "
    INSERT INTO latest_statuses AS l
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[])
    ON CONFLICT (owner_id, sub_owner_id) DO UPDATE SET
        partition_id = excluded.partition_id, sequence_number = excluded.sequence_number,
        enqueued_at = excluded.enqueued_at, data = excluded.data
    WHERE (excluded.enqueued_at, excluded.partition_id, excluded.sequence_number)
        > (l.enqueued_at, l.partition_id, l.sequence_number)";
const CHECKPOINT: &str = "
    INSERT INTO checkpoints SELECT * FROM UNNEST($1::int8[], $2::int8[])
    ON CONFLICT (partition_id) DO UPDATE SET sequence_number = excluded.sequence_number";

pub(crate) async fn prepare(url: &str, job: Job) -> Result<()> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    sqlx::raw_sql(TABLES).execute(&mut connection).await?;
    if job == Job::Whole {
        sqlx::raw_sql(KEY).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// What a consumer remembers to be in the database.
#[derive(Default)]
struct Known {
    owners: HashSet<String>,
    sub_owners: HashSet<(String, String)>,
}

pub(crate) async fn live(assignment: &Assignment, job: Job, fate: &mut Fate) -> Step<()> {
    let mut session = Session::open(&assignment.place.database_url).await?;
    let positions = assignment.positions(&mut session).await?;
    session.close().await?;
    let options = PgConnectOptions::from_str(&assignment.place.database_url)?;
    let mut connection = options.connect().await?;
    let mut left = left(assignment, &positions)?;
    let mut feed = Feed::open(assignment.source.clone(), positions);
    let mut known = Known::default();
    while left > 0 {
        let batch = feed.batch(assignment.batch).await?;
        left -= batch.len() as u64;
        let ids = batch.iter().map(|message| &message.owner_id);
        ids.filter(|id| !known.owners.contains(*id))
            .for_each(|_| fate.meet_newcomer());
        fate.step()?;
        let mut transaction = connection.begin().await?;
        enter(&mut transaction, &mut known, job, &batch, fate).await?;
        fate.step()?;
        store(&mut transaction, job, &batch).await?;
        fate.step()?;
        transaction.commit().await?;
        assignment.handled.add(batch.len() as u64);
        fate.step()?;
        checkpoint(&mut connection, &batch).await?;
    }
    Ok(connection.close().await?)
}

/// Enters who is unknown, and puts an announcement of each that this transaction has entered into
/// the outbox. Sorted, so that two consumers never wait for each other.
async fn enter(
    connection: &mut PgConnection,
    known: &mut Known,
    job: Job,
    batch: &[Message],
    fate: &mut Fate,
) -> Step<()> {
    let ids = batch.iter().map(|message| &message.owner_id);
    let unknown: BTreeSet<String> = ids
        .filter(|id| !known.owners.contains(*id))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        let unknown: Vec<String> = unknown.into_iter().collect();
        let entering = sqlx::query_scalar(ENTER_OWNERS).bind(&unknown);
        let entered: Vec<String> = entering.fetch_all(&mut *connection).await?;
        fate.step()?;
        announce(connection, &entered).await?;
        known.owners.extend(unknown);
    }
    if job == Job::Whole {
        enter_sub_owners(connection, known, batch).await?;
    }
    Ok(())
}

async fn enter_sub_owners(
    connection: &mut PgConnection,
    known: &mut Known,
    batch: &[Message],
) -> Result<()> {
    let key = |message: &Message| (message.owner_id.clone(), message.sub_owner_id.clone());
    let keys = batch.iter().map(key);
    let unknown: BTreeSet<_> = keys.filter(|key| !known.sub_owners.contains(key)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (owners, sub_owners): (Vec<String>, Vec<String>) = unknown.iter().cloned().unzip();
    let entering = sqlx::query_scalar(ENTER_SUB_OWNERS)
        .bind(owners)
        .bind(sub_owners);
    let entered: Vec<String> = entering.fetch_all(&mut *connection).await?;
    announce(connection, &entered).await?;
    known.sub_owners.extend(unknown);
    Ok(())
}

async fn announce(connection: &mut PgConnection, subjects: &[String]) -> Result<()> {
    if subjects.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = subjects
        .iter()
        .map(|_| Uuid::new_v4().to_string())
        .collect();
    let announcing = sqlx::query(ANNOUNCE).bind(ids).bind(subjects);
    announcing.execute(connection).await?;
    Ok(())
}

async fn store(connection: &mut PgConnection, job: Job, batch: &[Message]) -> Result<()> {
    insert(connection, STORE, batch.iter()).await?;
    if job == Job::Whole {
        let mut latest: BTreeMap<_, &Message> = BTreeMap::new();
        for message in batch {
            let newest = latest.entry((&message.owner_id, &message.sub_owner_id));
            let newest = newest.or_insert(message);
            let place = |m: &Message| (m.enqueued_at_micros, m.partition, m.sequence_number);
            if place(message) > place(newest) {
                *newest = message;
            }
        }
        insert(connection, LATEST, latest.values().copied()).await?;
    }
    Ok(())
}

async fn insert<'m>(
    connection: &mut PgConnection,
    sql: &'static str,
    messages: impl Iterator<Item = &'m Message> + Clone,
) -> Result<()> {
    let texts = |text: fn(&Message) -> &str| messages.clone().map(text).collect::<Vec<_>>();
    let numbers = |number: fn(&Message) -> i64| messages.clone().map(number).collect::<Vec<_>>();
    let query = sqlx::query(sql)
        .bind(texts(|message| &message.owner_id))
        .bind(texts(|message| &message.sub_owner_id))
        .bind(numbers(|message| i64::from(message.partition)))
        .bind(numbers(|message| message.sequence_number))
        .bind(numbers(|message| message.enqueued_at_micros))
        .bind(texts(|message| &message.data));
    query.execute(connection).await?;
    Ok(())
}

async fn checkpoint(connection: &mut PgConnection, batch: &[Message]) -> Result<()> {
    let last = |message: &Message| (i64::from(message.partition), message.sequence_number);
    let last: BTreeMap<i64, i64> = batch.iter().map(last).collect();
    let (partitions, numbers): (Vec<i64>, Vec<i64>) = last.into_iter().unzip();
    let query = sqlx::query(CHECKPOINT).bind(partitions).bind(numbers);
    let done = query.execute(connection).await;
    done.context("cannot move the checkpoint")?;
    Ok(())
}
