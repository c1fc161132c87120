//! Who was entered, and whose state or settings changed: looked for once for all listeners of a node.
//!
//! Both are in the database, in the outbox and in the history. A listener has a place in what was
//! found; one that was away for too long has missed some of it, and is told so.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rollcall_model::OwnerId;
use rollcall_store::{ChangeCursor, EventFilter, Order, OutboxRow};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Problem, State};

/// Whoever asks within this of the last look shares what it found.
const SHARED_FOR: Duration = Duration::from_millis(400);
/// After so long without a look nobody listened, and what came meanwhile is nobody's.
const ABANDONED_AFTER: Duration = Duration::from_secs(10);
/// Events of the outbox in a look.
const NEWEST_EVENTS: u32 = 100;
/// What is kept for those who ask late, in looks and in owners.
const KEPT_LOOKS: usize = 32;
const KEPT_OWNERS: usize = 50_000;
const CREATED: &str = "rollcall.owner.created";

/// What all listeners of a node share.
#[derive(Clone, Default)]
pub(super) struct OwnerFeed(Arc<Mutex<Feed>>);

#[derive(Default)]
struct Feed {
    last: Option<Look>,
    at: Option<At>,
    found: Found,
}

struct Look {
    ended: Instant,
    /// Otherwise the next ones need not wait for the database as long as this one.
    answered: bool,
}

/// What whoever asks now has to do.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Go by the last look.
    Shared { answered: bool },
    /// Look what came since the last one.
    Next,
    /// Begin: what came before is nobody's.
    Anew,
}

impl Turn {
    fn of(last: Option<&Look>, now: Instant) -> Self {
        let Some(last) = last else {
            return Self::Anew;
        };
        match now.saturating_duration_since(last.ended) {
            age if age < SHARED_FOR => Self::Shared {
                answered: last.answered,
            },
            age if age > ABANDONED_AFTER => Self::Anew,
            _ => Self::Next,
        }
    }
}

/// Up to where has been looked.
struct At {
    cursor: ChangeCursor,
    newest: HashSet<Uuid>,
}

/// What the last looks found.
#[derive(Default)]
struct Found {
    looks: VecDeque<News>,
    /// The number of the oldest one.
    first: u64,
}

/// The number of the look that a listener has not heard of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u64);

/// Owners of whom there is something to tell.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) owners: BTreeSet<OwnerId>,
    /// There were more, and nobody knows how many.
    pub(super) missed: bool,
}

impl OwnerFeed {
    /// For one who listens from now on.
    pub(super) async fn place(&self, state: &State) -> Result<Place, Problem> {
        let mut feed = self.0.lock().await;
        feed.look(state).await?;
        Ok(feed.found.end())
    }

    /// What came since the place of all owners or one, and the place behind it: to be taken once it
    /// is told.
    pub(super) async fn since(
        &self,
        state: &State,
        place: Place,
        only: Option<&OwnerId>,
    ) -> Result<(News, Place), Problem> {
        let mut feed = self.0.lock().await;
        feed.look(state).await?;
        Ok((feed.found.since(place, only), feed.found.end()))
    }
}

impl Feed {
    async fn look(&mut self, state: &State) -> Result<(), Problem> {
        match Turn::of(self.last.as_ref(), Instant::now()) {
            Turn::Shared { answered } => {
                let away = || Problem::unavailable("the database gives no answer just now");
                return answered.then_some(()).ok_or_else(away);
            }
            Turn::Anew => {
                self.at = None;
                self.found.forget();
            }
            Turn::Next => {}
        }
        let found = self.find(state).await;
        self.last = Some(Look {
            ended: Instant::now(),
            answered: found.is_ok(),
        });
        self.found.keep(found?);
        Ok(())
    }

    /// Nothing, the first time.
    async fn find(&mut self, state: &State) -> Result<News, Problem> {
        let cursor = self.at.as_ref().map(|at| at.cursor);
        let changes = state.store.changes_since(cursor).await?;
        let newest = newest_events(state).await?;
        let news = match &self.at {
            Some(at) => News::of(changes.owners, &newest, &at.newest),
            None => News::default(),
        };
        self.at = Some(At {
            cursor: changes.cursor,
            newest: newest.iter().map(|row| row.event_id).collect(),
        });
        Ok(news)
    }
}

impl News {
    fn of(changed: Vec<OwnerId>, newest: &[OutboxRow], known: &HashSet<Uuid>) -> Self {
        let full = u32::try_from(newest.len()).is_ok_and(|count| count == NEWEST_EVENTS);
        let missed = full && newest.iter().all(|row| !known.contains(&row.event_id));
        let mut owners: BTreeSet<OwnerId> = changed.into_iter().collect();
        let fresh = newest
            .iter()
            .filter(|row| row.event_type == CREATED && !known.contains(&row.event_id));
        owners.extend(fresh.filter_map(subject));
        Self { owners, missed }
    }
}

impl Found {
    fn end(&self) -> Place {
        Place(self.first + len(&self.looks))
    }

    fn since(&self, place: Place, only: Option<&OwnerId>) -> News {
        let mut all = News {
            missed: place.0 < self.first,
            ..News::default()
        };
        let heard = place.0.saturating_sub(self.first);
        let looks = self.looks.iter().zip(0..).filter(|(_, n)| *n >= heard);
        for (news, _) in looks {
            match only {
                Some(only) => all.owners.extend(news.owners.get(only).cloned()),
                None => all.owners.extend(news.owners.iter().cloned()),
            }
            all.missed |= news.missed;
        }
        all
    }

    fn keep(&mut self, news: News) {
        if news.owners.is_empty() && !news.missed {
            return;
        }
        self.looks.push_back(news);
        while self.looks.len() > 1 && self.is_too_much() {
            self.looks.pop_front();
            self.first += 1;
        }
    }

    fn is_too_much(&self) -> bool {
        let owners: usize = self.looks.iter().map(|news| news.owners.len()).sum();
        self.looks.len() > KEPT_LOOKS || owners > KEPT_OWNERS
    }

    /// Whoever had a place has missed what comes until it asks again.
    fn forget(&mut self) {
        self.first += len(&self.looks) + 1;
        self.looks.clear();
    }
}

fn len(looks: &VecDeque<News>) -> u64 {
    u64::try_from(looks.len()).unwrap_or(u64::MAX)
}

async fn newest_events(state: &State) -> Result<Vec<OutboxRow>, Problem> {
    let filter = EventFilter {
        order: Order::NewestFirst,
        ..EventFilter::default()
    };
    let page = state
        .store
        .list_events(&filter, NEWEST_EVENTS, None)
        .await?;
    Ok(page.items)
}

fn subject(row: &OutboxRow) -> Option<OwnerId> {
    let id = percent_decode_str(&row.subject).decode_utf8().ok()?;
    OwnerId::parse(&id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(owners: &[&str]) -> News {
        News {
            owners: owners
                .iter()
                .map(|id| OwnerId::parse(id).unwrap())
                .collect(),
            missed: false,
        }
    }

    fn heard(news: &News) -> Vec<&str> {
        news.owners.iter().map(OwnerId::as_str).collect()
    }

    #[test]
    fn each_listener_hears_what_was_found_since_it_asked_and_the_same_owner_once() {
        let mut found = Found::default();
        let early = found.end();
        found.keep(news(&["1", "2"]));
        let late = found.end();
        found.keep(news(&["2", "3"]));
        assert_eq!(heard(&found.since(early, None)), ["1", "2", "3"]);
        assert_eq!(heard(&found.since(late, None)), ["2", "3"]);
        assert!(heard(&found.since(found.end(), None)).is_empty());
        assert!(!found.since(early, None).missed);
        let three = OwnerId::parse("3").unwrap();
        assert_eq!(heard(&found.since(early, Some(&three))), ["3"]);
    }

    #[test]
    fn who_asks_after_too_many_looks_or_a_long_silence_is_told_that_it_missed_some() {
        let mut found = Found::default();
        let early = found.end();
        for _ in 0..=KEPT_LOOKS {
            found.keep(news(&["1"]));
        }
        let late = found.since(early, None);
        assert!(late.missed);
        assert_eq!(heard(&late), ["1"]);

        let place = found.end();
        found.forget();
        assert!(found.since(place, None).missed);
        assert!(!found.since(found.end(), None).missed);
    }

    #[test]
    fn a_look_is_shared_for_a_moment_also_one_that_failed_and_abandoned_after_a_silence() {
        let ended = Instant::now();
        for answered in [true, false] {
            let last = Look { ended, answered };
            let turn = |age| Turn::of(Some(&last), ended + age);
            assert_eq!(turn(Duration::ZERO), Turn::Shared { answered });
            let just = SHARED_FOR - Duration::from_nanos(1);
            assert_eq!(turn(just), Turn::Shared { answered });
            assert_eq!(turn(SHARED_FOR), Turn::Next);
            assert_eq!(turn(ABANDONED_AFTER), Turn::Next);
            let later = ABANDONED_AFTER + Duration::from_nanos(1);
            assert_eq!(turn(later), Turn::Anew);
        }
        assert_eq!(Turn::of(None, ended), Turn::Anew);
    }
}
