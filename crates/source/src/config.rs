//! Where the source is and how it is read.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use rollcall_model::Timestamp;

/// The connection string that the emulator of the ecosystem documents.
const DEVELOPMENT: &str = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
    SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;";

/// The event hub to read and how.
#[derive(Debug, Clone)]
pub struct Config {
    pub access: Access,
    /// Where to connect instead of the namespace, such as `amqp://127.0.0.1:5672` for the embedded
    /// hub.
    pub custom_endpoint: Option<String>,
    pub event_hub: String,
    pub consumer_group: String,
    /// By which replays read, beside whoever reads by `consumer_group`.
    pub replay_consumer_group: String,
    pub transport: Transport,
    /// Where a partition without a checkpoint begins.
    pub start_position: StartPosition,
    /// Bytes of events that may lie between the wire and the pipeline, over all partitions.
    pub prefetch_bytes: u64,
    /// Fixes the receivers' credit, in events; otherwise it follows from `prefetch_bytes`.
    pub prefetch: Option<u32>,
    /// How many partitions share one connection.
    pub partitions_per_connection: u32,
    /// A partition whose hub has newer events, and that delivered nothing for so long, is stalled:
    /// its connection is dropped and made anew.
    pub stall_timeout: Duration,
    /// Limit of every request to the hub: connecting, opening, closing, properties.
    pub request_timeout: Duration,
    pub decode: DecodeConfig,
}

/// Which namespace, and how we are let in.
#[derive(Clone)]
pub enum Access {
    /// `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]`. A secret.
    ConnectionString(String),
    Credential {
        /// Such as `example.servicebus.windows.net`.
        fully_qualified_namespace: String,
        /// Shared by all clients, and with it its tokens.
        credential: Arc<dyn TokenCredential>,
    },
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConnectionString(_) => f.write_str("ConnectionString([redacted])"),
            Self::Credential {
                fully_qualified_namespace,
                ..
            } => f
                .debug_tuple("Credential")
                .field(fully_qualified_namespace)
                .finish(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    #[default]
    Amqp,
    AmqpWebSockets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartPosition {
    #[default]
    Earliest,
    Latest,
    /// The first event that was enqueued at or after this time.
    At(Timestamp),
}

/// Where the fields of the message stand: JSON Pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeConfig {
    pub owner_id: rollcall_model::JsonPointer,
    pub sub_owner_id: rollcall_model::JsonPointer,
    pub data: rollcall_model::JsonPointer,
    pub measured_at: rollcall_model::JsonPointer,
}

fn top_level(name: &str) -> rollcall_model::JsonPointer {
    rollcall_model::JsonPointer::parse(&format!("/{name}")).unwrap_or_default()
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            owner_id: top_level("dataOwnerId"),
            sub_owner_id: top_level("dataOwnerSubId"),
            data: top_level("data"),
            measured_at: top_level("measuredAt"),
        }
    }
}

impl Default for Config {
    /// The embedded hub at its default place.
    fn default() -> Self {
        Self {
            access: Access::ConnectionString(DEVELOPMENT.to_owned()),
            custom_endpoint: Some("amqp://127.0.0.1:5672".to_owned()),
            event_hub: "statuses".to_owned(),
            consumer_group: "$Default".to_owned(),
            replay_consumer_group: "rollcall-replay".to_owned(),
            transport: Transport::Amqp,
            start_position: StartPosition::Earliest,
            prefetch_bytes: 64 << 20,
            prefetch: None,
            partitions_per_connection: 8,
            stall_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            decode: DecodeConfig::default(),
        }
    }
}
