//! The API on a real store.
