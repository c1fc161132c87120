//! Randomness that can be had again.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const VARIABLE: &str = "ROLLCALL_TEST_SEED";

/// A random source whose seed is printed, and taken from the environment where it is given.
pub(crate) fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(drawn())
}

/// The seed alone, printed.
pub(crate) fn drawn() -> u64 {
    let seed = number(VARIABLE).unwrap_or_else(|| u64::from(rand::random::<u32>()));
    eprintln!("{VARIABLE}={seed}");
    seed
}

/// A number that the environment gives to the tests.
#[allow(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the program"
)]
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")))
}
