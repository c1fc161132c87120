//! What can go wrong before the first request.

use std::net::SocketAddr;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Taken, not allowed, or not an address of this machine: the service is unavailable (exit 69).
    #[error("cannot listen on {listen} (http.listen): {}", sentence(source))]
    Listen {
        listen: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used: the settings are wrong.
    #[error("cannot serve TLS: {0}")]
    Tls(String),
    #[error("cannot start the web server on {listen}")]
    Start {
        listen: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

fn sentence(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "the port is taken; stop who has it, or choose another".to_owned()
        }
        std::io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "this user may not; ports below 1024 need a privilege".to_owned()
        }
        _ => error.to_string(),
    }
}
