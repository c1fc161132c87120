//! Free loopback ports that stay free while a process is killed and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to outgoing connections: nobody is handed one of ours
/// while it is not listened on.
const FIRST: u16 = 18_000;
const SPAN: u16 = 14_000;
/// Ports that one test process may use before it meets the next one's.
const PER_PROCESS: u32 = 50;

static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on.
pub(crate) fn free() -> u16 {
    let of_process = std::process::id().wrapping_mul(PER_PROCESS) % u32::from(SPAN);
    let of_process = u16::try_from(of_process).unwrap();
    loop {
        let next = (of_process + TAKEN.fetch_add(1, Ordering::Relaxed)) % SPAN;
        let port = FIRST + next;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
