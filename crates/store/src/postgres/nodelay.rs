//! What is written to the server goes out at once.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on (its issue 4335, mended since, not yet released) and gives
//! nobody its sockets. What ends a COPY is a small write behind a large one, and waits for the
//! server's delayed acknowledgement then: 40 ms of every commit, ten times what the rest of a small
//! one takes. So the process looks among its own files for the sockets that lead to the server.
//!
//! This goes once sqlx does it by itself.

/// Has every TCP socket of this process that leads to this port send at once. What is not found, or
/// not on Linux, is as slow as before.
#[cfg(target_os = "linux")]
pub(super) fn send_at_once(port: u16) {
    use nix::sys::socket::{SockaddrStorage, getpeername, setsockopt, sockopt::TcpNoDelay};

    let Ok(files) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let numbers = files.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers {
        // Most are no sockets, and some are closed by now.
        let Ok(peer) = getpeername::<SockaddrStorage>(number) else {
            continue;
        };
        let v4 = peer.as_sockaddr_in().map(|peer| peer.port());
        let v6 = peer.as_sockaddr_in6().map(|peer| peer.port());
        if v4.or(v6) == Some(port)
            && let Err(error) = setsockopt(number, TcpNoDelay, &true)
        {
            tracing::debug!(%error, "commits wait for the server's acknowledgements: {error}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn send_at_once(_port: u16) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn sockets_that_lead_to_the_server_send_at_once_and_others_are_left_alone() {
        for host in ["127.0.0.1", "::1"] {
            let Ok(server) = TcpListener::bind((host, 0)) else {
                // A machine without IPv6.
                continue;
            };
            let other = TcpListener::bind((host, 0)).unwrap();
            let port = server.local_addr().unwrap().port();
            let to_server = TcpStream::connect(server.local_addr().unwrap()).unwrap();
            let to_other = TcpStream::connect(other.local_addr().unwrap()).unwrap();
            send_at_once(port);
            assert!(to_server.nodelay().unwrap());
            assert!(!to_other.nodelay().unwrap());
        }
    }
}
