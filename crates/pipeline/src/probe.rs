//! Decoding and admission without hub and writers, for `crates/bench`.

use std::sync::Arc;

use actix_rt::Arbiter;
use rollcall_model::{EventSource, SequenceNumber};
use rollcall_source::{Chunk, DecodeConfig};
use rollcall_store::Store;
use tokio::runtime;

use crate::Config;
use crate::claims::Claims;
use crate::decoded::{Decoded, Fates};
use crate::decoding::Decoding;
use crate::directory::Directory;
use crate::metrics::Metrics;
use crate::owner_actor::OwnerActorParts;
use crate::owner_registry::OwnerRegistry;
use crate::reader_memory::Condemned;
use crate::start::{Stage, start_owner_actors};

/// The owner actors of a pipeline.
pub struct Admission {
    registry: OwnerRegistry,
    decode: DecodeConfig,
    _arbiters: Vec<Arbiter>,
}

impl Admission {
    /// Starts the owner actors, as [`crate::start`] does.
    #[must_use]
    pub fn start(config: &Config, store: Store, io: runtime::Handle) -> Self {
        let metrics = Metrics::default();
        let (stage, arbiters, _) = Stage::new(config, &metrics, io);
        let owners = OwnerActorParts {
            store,
            source: EventSource::new("bench", "statuses"),
            gauge: Arc::default(),
            metrics,
            claims: Claims::default(),
            quotas: Arc::default(),
            policy: Arc::new(config.policy.clone()),
        };
        let directory = Arc::new(Directory::default());
        let registry = start_owner_actors(&stage, config, &directory, &owners);
        Self {
            registry,
            decode: DecodeConfig::default(),
            _arbiters: arbiters,
        }
    }

    /// What a reader does with a pull, up to the rows of its batch. Returns their number.
    pub async fn decode_and_admit(&self, chunks: Vec<Chunk>) -> usize {
        let first = chunks
            .iter()
            .flat_map(Chunk::events)
            .next()
            .map(|e| e.sequence_number);
        let after = first.unwrap_or(SequenceNumber(0)).previous();
        let decoding = Decoding {
            config: &self.decode,
            condemned: &Condemned::new(),
            hub_first: SequenceNumber(0),
            expired_before: None,
        };
        let batch: Arc<Decoded> = Arc::new(decoding.batch(after, chunks));
        let verdicts = self.registry.admit(&batch).await;
        Fates::new(Arc::unwrap_or_clone(batch), &verdicts)
            .statuses
            .len()
    }
}
