//! One connection with one link to the entity, and sends over it.

use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::definitions::{self, SenderSettleMode};
use fe2o3_amqp::types::messaging::{Data, Message, Outcome, Target, TerminusDurability};
use fe2o3_amqp::{Connection, Sender, Session};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::message;
use super::token::Token;
use crate::SinkError;
use crate::azure::judge;

const MAX_FRAME_SIZE: u32 = 65_536;
/// After so long without a frame the connection counts as dead; the peer is told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Where to open a link, and as whom.
pub(super) struct Place {
    /// With user and password, where those let us in.
    pub(super) url: Url,
    /// The namespace, if it is not the URL's host.
    pub(super) hostname: Option<String>,
    pub(super) entity: String,
    pub(super) audience: String,
}

pub(super) struct Link {
    sender: Mutex<Sender>,
    max_message_size: Option<u64>,
    // Dropped, they end session and connection.
    _session: SessionHandle<()>,
    _connection: ConnectionHandle<()>,
}

/// What became of a send that was answered, or why there was no answer.
pub(super) enum Sent {
    Outcome(Outcome),
    /// The link is of no use any more.
    Broken(SinkError),
    /// It never left.
    TooLarge(u64),
}

impl Link {
    /// # Errors
    /// In every case such that nothing can be sent at all.
    pub(super) async fn open(place: &Place, token: Option<Token>) -> Result<Self, SinkError> {
        let mut connection = connect(place).await?;
        let mut session = Session::begin(&mut connection)
            .await
            .map_err(|error| cannot("begin a session", &error))?;
        if let Some(token) = token {
            show(&mut session, &place.audience, token).await?;
        }
        let sender = Sender::builder()
            .name(format!("rollcall-{}", Uuid::new_v4()))
            .target(target(place))
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .attach(&mut session)
            .await
            .map_err(|error| cannot(&format!("attach to {}", place.entity), &error))?;
        Ok(Self {
            max_message_size: sender.max_message_size().filter(|size| *size > 0),
            sender: Mutex::new(sender),
            _session: session,
            _connection: connection,
        })
    }

    /// Many sends may wait for their outcome at the same time.
    pub(super) async fn send(&self, message: Message<Data>) -> Sent {
        let size = u64::try_from(message.body.0.len()).unwrap_or(u64::MAX);
        // The library would cut a message that is too large into pieces.
        if let Some(max) = self.max_message_size
            && size.saturating_add(message::OVERHEAD) > max
        {
            return Sent::TooLarge(max);
        }
        let handed_over = self.sender.lock().await.send_batchable(message).await;
        let outcome = match handed_over {
            Ok(delivery) => delivery.await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => Sent::Outcome(outcome),
            Err(error) => Sent::Broken(broken(&error)),
        }
    }
}

/// RabbitMQ makes a queue that it does not have as the link says: one that outlives it.
fn target(place: &Place) -> Target {
    let target = Target::builder().address(place.entity.as_str());
    match place.url.password() {
        Some(_) => target.durable(TerminusDurability::UnsettledState).build(),
        None => target.build(),
    }
}

async fn connect(place: &Place) -> Result<ConnectionHandle<()>, SinkError> {
    let (mut url, password) = (place.url.clone(), place.url.password());
    let profile = match password {
        Some(password) => SaslProfile::Plain {
            username: decoded(place.url.username()),
            password: decoded(password),
        },
        None => SaslProfile::Anonymous,
    };
    let bare = url.set_username("").and_then(|()| url.set_password(None));
    bare.map_err(|()| SinkError::unreachable("the endpoint is no address of a broker"))?;
    let idle = u32::try_from(IDLE_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let builder = Connection::builder()
        .container_id(format!("rollcall-{}", Uuid::new_v4()))
        .hostname(place.hostname.as_deref())
        .sasl_profile(profile)
        .alt_tls_establishment(true)
        .max_frame_size(MAX_FRAME_SIZE)
        .idle_time_out(idle);
    let opened = match url.scheme() {
        "amqps" => {
            builder
                .rustls_connector(trusting_the_system()?)
                .open(url)
                .await
        }
        _ => builder.open(url).await,
    };
    opened.map_err(|error| cannot("connect", &error))
}

/// The certificates that the system trusts, as every other client here.
fn trusting_the_system() -> Result<tokio_rustls::TlsConnector, SinkError> {
    use rustls_platform_verifier::ConfigVerifierExt as _;
    let config = tokio_rustls::rustls::ClientConfig::with_platform_verifier()
        .map_err(|error| cannot("prepare TLS", &error))?;
    Ok(tokio_rustls::TlsConnector::from(Arc::new(config)))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Shows the token; without it the broker refuses the link.
async fn show(
    session: &mut SessionHandle<()>,
    audience: &str,
    token: Token,
) -> Result<(), SinkError> {
    let mut cbs = CbsClient::builder()
        .client_node_addr(format!("rollcall-cbs-{}", Uuid::new_v4()))
        .attach(session)
        .await
        .map_err(|error| cannot("attach to $cbs", &error))?;
    let shown = cbs
        .put_token(audience, CbsToken::new(token.value, token.kind, None))
        .await;
    shown.map_err(|error| cannot("show the token", &error))?;
    // The link has done its work; whether its end is answered is of no matter.
    drop(cbs.close().await);
    Ok(())
}

fn cannot(what: &str, error: &dyn std::error::Error) -> SinkError {
    SinkError::unreachable(format!("cannot {what}: {}", crate::sink_task::chain(error)))
}

fn broken(error: &SendError) -> SinkError {
    let text = format!("the link broke: {error}");
    match text.contains("message-size-exceeded") {
        true => SinkError::Permanent { reason: text },
        false => SinkError::unreachable(text),
    }
}

/// What the broker says of the event.
pub(super) fn verdict(outcome: Outcome) -> Result<(), SinkError> {
    match outcome {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Rejected(rejected) => Err(match rejected.error {
            Some(error) => rejection(&error),
            None => SinkError::retryable("the broker rejected it without a reason"),
        }),
        Outcome::Released(_) | Outcome::Modified(_) => {
            Err(SinkError::retryable("the broker did not take it"))
        }
        #[allow(
            unreachable_patterns,
            reason = "there are more with the feature `transaction`"
        )]
        _ => Err(SinkError::retryable("the broker answered by a transaction")),
    }
}

fn rejection(error: &definitions::Error) -> SinkError {
    let condition = match &error.condition {
        definitions::ErrorCondition::Custom(symbol) => symbol.to_string(),
        known => format!("{known:?}"),
    };
    let described = error.description.as_deref().unwrap_or_default();
    let reason = format!("the broker rejected it: {condition} {described}");
    judge(&condition, reason.trim_end().to_owned())
}
