//! Receiving with the official client.
