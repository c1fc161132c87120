//! Dead letters that somebody wants stored after all: decoded as live events are, with the body as it
//! came or as it was mended, and admitted by the same owner actors, so that a newcomer in it is
//! entered once as well.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{DeadReason, DropReason, OwnerState, Span, StatusMessage};
use rollcall_source::{BodyKind, RawEvent, Undecodable};
use rollcall_store::{DeadLetterId, DeadLetterState, LetterAnswer};

use crate::decoded::{Decoded, sentence, status};
use crate::decoding::Decoding;
use crate::error::Error;
use crate::handle::Handle;
use crate::reader_memory::Condemned;
use crate::verdict::Verdict;

/// How long the owner's actor may take, its provisioning included.
const ADMIT_LIMIT: Duration = Duration::from_secs(10);

/// What became of the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterOutcome {
    Replayed,
    NotFound,
    /// It was replayed or discarded before.
    NotOpen(DeadLetterState),
    /// The body is no status message: why, in a sentence.
    Undecodable(DeadReason, String),
    /// Its owner takes no statuses as it is.
    OwnerIs(OwnerState),
    /// The policy keeps its owner out, or its sub-owner is deleted.
    Dropped(DropReason),
}

impl Handle {
    /// Stores the letter at its own place, if its body, or the one that is given in its stead, is a
    /// status message. Otherwise nothing is changed.
    ///
    /// # Errors
    /// As [`Handle::create_owner`].
    pub async fn replay_letter(
        &self,
        id: DeadLetterId,
        mended: Option<Vec<u8>>,
    ) -> Result<LetterOutcome, Error> {
        let found = self.inner.store.dead_letter(&id.to_string()).await?;
        let Some(letter) = found else {
            return Ok(LetterOutcome::NotFound);
        };
        if letter.state != DeadLetterState::Open {
            return Ok(LetterOutcome::NotOpen(letter.state));
        }
        let body = mended.unwrap_or(letter.body);
        let event = |kind| RawEvent {
            sequence_number: letter.sequence_number,
            enqueued_at: letter.enqueued_at,
            kind,
            body: &body,
        };
        let message = match self.decoded([BodyKind::Plain, BodyKind::CloudEvent].map(event)) {
            Ok(message) => message,
            Err(Undecodable { reason, detail }) => {
                return Ok(LetterOutcome::Undecodable(reason, detail));
            }
        };
        let (value, version) = match self.admitted(message.clone()).await? {
            Verdict::Store { value, version } => (value, version),
            Verdict::Hold { .. } => return Ok(LetterOutcome::OwnerIs(OwnerState::Pending)),
            Verdict::Drop(reason) => return Ok(LetterOutcome::Dropped(reason)),
            Verdict::Dead(reason) => {
                let detail = sentence(reason).to_owned();
                return Ok(LetterOutcome::Undecodable(reason, detail));
            }
        };
        let status = status(message, value, version);
        let answer = self.inner.store.replay_dead_letter(id, status).await?;
        Ok(match answer {
            LetterAnswer::Done => LetterOutcome::Replayed,
            LetterAnswer::NotFound => LetterOutcome::NotFound,
            LetterAnswer::NotOpen(state) => LetterOutcome::NotOpen(state),
            LetterAnswer::OwnerIs(state) => LetterOutcome::OwnerIs(state),
        })
    }

    /// A letter does not tell whether its body was a `CloudEvent`, so both are tried; the fault is
    /// the one of a plain message, which nearly all are.
    fn decoded(
        &self,
        [plain, cloud_event]: [RawEvent<'_>; 2],
    ) -> Result<StatusMessage, Undecodable> {
        let decoding = Decoding {
            config: &self.inner.decode,
            condemned: &Condemned::new(),
            hub_first: plain.sequence_number,
            expired_before: None,
        };
        let fault = match decoding.decode(&plain) {
            Ok(message) => return Ok(message),
            Err(fault) => fault,
        };
        decoding.decode(&cloud_event).map_err(|_| fault)
    }

    async fn admitted(&self, message: StatusMessage) -> Result<Verdict, Error> {
        let number = message.sequence_number;
        let batch = Arc::new(Decoded {
            span: Span {
                after: number.previous(),
                upto: number,
            },
            messages: vec![message],
            dead: Vec::new(),
            gaps: Vec::new(),
            expired: Vec::new(),
            offset: None,
            chunks: Arc::default(),
        });
        let admitted = self.inner.registry.admit(&batch);
        let timed_out = |_| Error::TimedOut {
            actor: "the owner actor".to_owned(),
            seconds: ADMIT_LIMIT.as_secs(),
        };
        let verdicts = tokio::time::timeout(ADMIT_LIMIT, admitted).await;
        let verdict = verdicts.map_err(timed_out)?.first().copied();
        verdict.ok_or_else(|| Error::Restarting {
            actor: "the owner actor".to_owned(),
        })
    }
}
