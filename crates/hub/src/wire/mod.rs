//! The AMQP 1.0 codec: frames, performatives, and the shape of encoded values.
//!
//! Performatives are encoded and decoded by `serde_amqp`; the transfer, which is the hot one, is
//! written by hand; payloads stay encoded bytes. Everything that arrives is walked by [`scan`]
//! first, so nothing that nests too deeply or lies about its lengths reaches a recursive decoder.

pub(crate) mod frame;
pub(crate) mod performative;
pub(crate) mod scan;
pub(crate) mod transfer;

/// What a peer sent is not AMQP 1.0 as this broker reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a value ends before its declared length")]
    Truncated,
    #[error("values are nested more than {} deep", scan::MAX_DEPTH)]
    TooDeep,
    #[error("the constructor 0x{0:02x} is unknown")]
    Constructor(u8),
    #[error("a compound value does not have its declared size")]
    Size,
    #[error("a frame of {0} bytes is outside the negotiated limits")]
    Frame(usize),
    #[error("a performative does not have the fields of its type")]
    Fields,
    #[error("the performative 0x{0:02x} is unknown")]
    Performative(u64),
}
