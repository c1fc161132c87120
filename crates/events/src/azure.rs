//! What the sinks of Azure share: how they get in, and how they judge what goes wrong.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_messaging_eventhubs::ConnectionString;

/// By what a namespace lets us in.
#[derive(Clone)]
pub enum Access {
    /// `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…`.
    ConnectionString(String),
    Credential {
        fully_qualified_namespace: String,
        credential: Arc<dyn TokenCredential>,
    },
    /// User and password stand in the custom endpoint: a broker that is not Azure's.
    Endpoint,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString(_) => f.write_str("ConnectionString([redacted])"),
            Self::Credential {
                fully_qualified_namespace,
                ..
            } => write!(f, "Credential({fully_qualified_namespace})"),
            Self::Endpoint => f.write_str("Endpoint"),
        }
    }
}

/// # Errors
/// With a sentence without secrets.
pub(crate) fn parse(connection_string: &str) -> Result<ConnectionString, String> {
    connection_string
        .parse()
        .map_err(|error: azure_core::Error| format!("connection_string: {error}"))
}

/// A broker's condition, such as `amqp:link:message-size-exceeded`, as what the relay does about it.
pub(crate) fn judge(condition: &str, reason: String) -> crate::SinkError {
    const EVENT: [&str; 3] = ["message-size-exceeded", "argument-error", "decode-error"];
    const BROKER: [&str; 6] = [
        "server-busy",
        "timeout",
        "resource-limit-exceeded",
        "unauthorized-access",
        "not-found",
        "entity-disabled",
    ];
    let is = |words: &[&str]| words.iter().any(|word| condition.contains(word));
    if is(&EVENT) {
        crate::SinkError::Permanent { reason }
    } else if is(&BROKER) {
        crate::SinkError::Unreachable { reason }
    } else {
        crate::SinkError::retryable(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SinkError;

    #[test]
    fn an_event_is_blamed_only_for_what_is_its_own() {
        let kind = |condition: &str| judge(condition, String::new());
        let size = kind("amqp:link:message-size-exceeded");
        assert!(matches!(size, SinkError::Permanent { .. }));
        for condition in ["com.microsoft:server-busy", "amqp:unauthorized-access"] {
            assert!(
                matches!(kind(condition), SinkError::Unreachable { .. }),
                "{condition}"
            );
        }
        let unknown = kind("amqp:internal-error");
        assert!(matches!(unknown, SinkError::Retryable { .. }));
    }

    #[test]
    fn a_key_never_shows() {
        let text = "Endpoint=sb://h/;SharedAccessKeyName=a;SharedAccessKey=hush";
        let access = Access::ConnectionString(text.to_owned());
        assert!(!format!("{access:?}").contains("hush"));
        let error = parse("Endpoint=sb://h/;SharedAccessKey=hush").unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
}
