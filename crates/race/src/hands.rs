//! All that a consumer does to the world. Each call is a step, before which it may die.

use std::time::Duration;

use anyhow::{Context as _, Result};
use redis::FromRedisValue;
use uuid::Uuid;

use crate::fate::{Fate, Step};
use crate::place::{Place, Redis};
use crate::session::{Session, Value};
use crate::topic::Publisher;

/// One life's connections. Dropped, they are closed, whatever they were in the middle of.
pub(crate) struct Hands<'f> {
    pub(crate) session: Session,
    redis: Option<Redis>,
    publisher: Publisher,
    pub(crate) fate: &'f mut Fate,
}

impl<'f> Hands<'f> {
    pub(crate) async fn open(place: &Place, fate: &'f mut Fate) -> Result<Self> {
        Ok(Self {
            session: Session::open(&place.database_url).await?,
            redis: place.redis().await?,
            publisher: place.publisher.clone(),
            fate,
        })
    }

    pub(crate) async fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Step<()> {
        self.fate.step()?;
        Ok(self.session.run(sql, values).await?)
    }

    pub(crate) async fn number(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Step<Option<i64>> {
        self.fate.step()?;
        Ok(self.session.number(sql, values).await?)
    }

    pub(crate) async fn begin(&mut self) -> Step<()> {
        self.fate.step()?;
        Ok(self.session.begin().await?)
    }

    pub(crate) async fn commit(&mut self) -> Step<()> {
        self.fate.step()?;
        Ok(self.session.commit().await?)
    }

    /// Sends the announcement under an id of its own.
    pub(crate) async fn announce(&mut self, owner_id: &str) -> Step<()> {
        self.announce_as(Uuid::new_v4(), owner_id).await
    }

    pub(crate) async fn announce_as(&mut self, id: Uuid, owner_id: &str) -> Step<()> {
        self.fate.step()?;
        Ok(self.publisher.send(id, owner_id).await?)
    }

    pub(crate) async fn redis<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Step<T> {
        self.fate.step()?;
        let redis = self.redis.as_mut().context("this way needs Redis")?;
        let answer = command.query_async(&mut redis.connection).await;
        Ok(answer.context("Redis")?)
    }

    /// Where Redis keeps the owner.
    pub(crate) fn key(&self, owner_id: &str) -> Step<String> {
        let redis = self.redis.as_ref().context("this way needs Redis")?;
        Ok(redis.key(owner_id))
    }

    /// Where Redis keeps the lock on the owner.
    pub(crate) fn lock(&self, owner_id: &str) -> Step<String> {
        let redis = self.redis.as_ref().context("this way needs Redis")?;
        Ok(redis.lock(owner_id))
    }

    pub(crate) async fn pause(&mut self, pause: Duration) -> Step<()> {
        self.fate.step()?;
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
