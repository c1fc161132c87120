//! Fuzz targets: what strangers may send, and what holds whatever it is.
//!
//! Each is a function of bytes that panics where a promise does not hold. `targets/` hands them to
//! libFuzzer (`cargo fuzz`), `tests/bounded.rs` runs them on the seeds and on what it makes of those.

mod message;
mod peer;

pub use message::message;
pub use peer::{logged, peer};
pub use rollcall_hub::fuzzing::frames;

/// A receiver's selector. What is not text never gets as far.
pub fn selector(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        rollcall_hub::fuzzing::selector(text);
    }
}

/// A settings file and, after a NUL, one `--set`.
pub fn configuration(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        rollcall::fuzzing::configuration(text);
    }
}
