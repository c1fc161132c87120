//! How long a failed delivery waits: exponential, with full jitter, so that the receivers of many
//! failed deliveries are not met by all of them at once when they come back.

use std::time::Duration;

use rand::Rng;

/// No try follows a failed one sooner than this.
pub const SHORTEST: Duration = Duration::from_millis(100);
/// No delivery waits longer than this, unless the receiver asks for it.
pub const LONGEST: Duration = Duration::from_secs(30);
/// A receiver cannot put a delivery off any further.
pub const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// The wait after the `failures`-th failed try in a row, drawn evenly from [`SHORTEST`] to a bound
/// that doubles from 200 ms up to [`LONGEST`].
pub fn delay(failures: u32, random: &mut impl Rng) -> Duration {
    let doublings = failures.clamp(1, 16);
    let bound = (SHORTEST * 2_u32.saturating_pow(doublings)).min(LONGEST);
    random.random_range(SHORTEST..=bound)
}

/// The same, or what the receiver asked for, if that is longer.
pub fn delay_asked(failures: u32, asked: Option<Duration>, random: &mut impl Rng) -> Duration {
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    delay(failures, random).max(asked)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_bound_doubles_and_ends_at_thirty_seconds() {
        let mut random = StdRng::seed_from_u64(7);
        for (failures, bound) in [
            (0, 200),
            (1, 200),
            (2, 400),
            (5, 3_200),
            (9, 30_000),
            (u32::MAX, 30_000),
        ] {
            let drawn: Vec<_> = (0..2_000).map(|_| delay(failures, &mut random)).collect();
            let (least, most) = (*drawn.iter().min().unwrap(), *drawn.iter().max().unwrap());
            let bound = Duration::from_millis(bound);
            assert!(
                least >= SHORTEST && most <= bound,
                "{failures}: {least:?} to {most:?}"
            );
            assert!(
                most > bound.mul_f64(0.9),
                "{failures}: {most:?} is not near {bound:?}"
            );
        }
    }

    #[test]
    fn the_receivers_wish_counts_within_an_hour() {
        let mut random = StdRng::seed_from_u64(7);
        let mut asked = |seconds| delay_asked(1, Some(Duration::from_secs(seconds)), &mut random);
        assert_eq!(asked(60), Duration::from_secs(60));
        assert_eq!(asked(86_400), LONGEST_ASKED);
        assert!(asked(0) >= SHORTEST);
    }
}
