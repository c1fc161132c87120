//! The simple relay of the ways that have an outbox: it sends what is not marked and marks it.
//!
//! It goes by the rows' state and never by the last id, since ids are given before the commit.

use anyhow::Result;
use tokio::sync::watch;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::fate::{Fate, Step, Stop};
use crate::hands::Hands;
use crate::place::Place;
use crate::session::Value::Number;

const UNSENT: &str =
    "SELECT id, event_id, owner_id FROM outbox WHERE sent = 0 ORDER BY id LIMIT 100";
const MARK: &str = "UPDATE outbox SET sent = 1 WHERE id = $1";
const PAUSE: Duration = Duration::from_millis(20);

/// Relays until the outbox is empty after `over` has become true, in as many lives as that takes.
pub(crate) async fn relay(
    place: &Place,
    over: watch::Receiver<bool>,
    mut fate: Fate,
) -> Result<Fate> {
    loop {
        match live(place, &over, &mut fate).await {
            Ok(()) => return Ok(fate),
            Err(Stop::Killed) => {}
            Err(Stop::Failed(error)) => return Err(error.context("the relay failed")),
        }
    }
}

async fn live(place: &Place, over: &watch::Receiver<bool>, fate: &mut Fate) -> Step<()> {
    let mut hands = Hands::open(place, fate).await?;
    loop {
        // Asked before the look: what is committed until then is found by it.
        let last = *over.borrow();
        let events = hands.session.events(UNSENT).await?;
        if events.is_empty() && last {
            return Ok(hands.session.close().await?);
        }
        if events.is_empty() {
            sleep(PAUSE).await;
        }
        for (id, event_id, owner_id) in events {
            hands.fate.meet_newcomer();
            let event_id = Uuid::parse_str(&event_id)?;
            hands.announce_as(event_id, &owner_id).await?;
            hands.run(MARK, &[Number(id)]).await?;
        }
    }
}
