//! One sentence out of an error of the official client, with a mend where one is known.

use azure_core::http::StatusCode;
use azure_core_amqp::AmqpError;
use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_messaging_eventhubs::EventHubsError;
use azure_messaging_eventhubs::error::ErrorKind;

const NOT_LET_IN: &str = "check the key of the connection string, or that the identity has the role \
    Azure Event Hubs Data Receiver (to send: Data Sender)";
const NOT_THERE: &str = "check source.event_hubs.event_hub and consumer_group";
const NO_SUCH_HOST: &str = "check the name of the namespace, and that this machine can resolve it";

/// Why the client failed.
#[must_use]
pub fn reason(error: &EventHubsError) -> String {
    match &error.kind {
        ErrorKind::AmqpError(error) => of_amqp(error),
        ErrorKind::AzureCore(error) => of_text(&chain(error)),
        _ => of_text(&error.to_string()),
    }
}

fn of_amqp(error: &AmqpError) -> String {
    match error.kind() {
        AmqpErrorKind::AmqpDescribedError(described) => {
            let text = described
                .description
                .as_deref()
                .unwrap_or("no reason given");
            match &described.condition {
                AmqpErrorCondition::UnauthorizedAccess => mended(text, NOT_LET_IN),
                AmqpErrorCondition::NotFound => mended(text, NOT_THERE),
                _ => of_text(text),
            }
        }
        AmqpErrorKind::ManagementStatusCode(status, text) => {
            let text = text.as_deref().unwrap_or("no reason given");
            let text = format!("{text} ({})", u16::from(*status));
            match status {
                StatusCode::Unauthorized | StatusCode::Forbidden => mended(&text, NOT_LET_IN),
                StatusCode::NotFound => mended(&text, NOT_THERE),
                _ => text,
            }
        }
        AmqpErrorKind::AzureCore(error) => of_text(&chain(error)),
        _ => of_text(&chain(error)),
    }
}

/// What only the text tells: the client wraps the answers of `$cbs` and of `$management` in one.
fn of_text(text: &str) -> String {
    const MENDS: [(&str, &str); 8] = [
        ("status code: 401", NOT_LET_IN),
        ("status code: 403", NOT_LET_IN),
        ("unauthorized-access", NOT_LET_IN),
        ("status code: 404", NOT_THERE),
        ("amqp:not-found", NOT_THERE),
        ("failed to lookup address", NO_SUCH_HOST),
        ("Name or service not known", NO_SUCH_HOST),
        ("No address associated", NO_SUCH_HOST),
    ];
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match MENDS.iter().find(|(mark, _)| text.contains(mark)) {
        Some((_, mend)) => mended(&text, mend),
        None => text,
    }
}

fn mended(text: &str, mend: &str) -> String {
    format!("{}; {mend}", text.trim_end_matches('.'))
}

/// An error and its causes; some repeat their cause already.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
