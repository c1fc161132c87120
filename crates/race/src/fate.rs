//! Death between two steps.
//!
//! A consumer asks its fate before every step. Once, while it deals with a newcomer, the answer is
//! that it is dead: whatever it holds in memory is dropped, its connections are closed, and it
//! starts again from its checkpoint. Which newcomer and which step are drawn from the seed; what
//! follows from it is not.

use rand::Rng;

/// A newcomer costs the longest way about so many steps; the death comes within them.
const STEPS: u32 = 7;

/// Small batches, so that a kill hits a run that takes a moment in many different places.
pub(crate) const BATCH_UNDER_KILLS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    None,
    /// Everybody is killed once.
    Kills,
}

/// Why a consumer stops.
#[derive(Debug)]
pub(crate) enum Stop {
    Killed,
    Failed(anyhow::Error),
}

pub(crate) type Step<T> = Result<T, Stop>;

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// So many newcomers are still dealt with before it is due.
    Waiting { newcomers: u32, steps: u32 },
    /// So many steps are still taken.
    Due { steps: u32 },
    /// It is over, or never comes.
    Alive,
}

/// One consumer's, over all its lives.
#[derive(Debug)]
pub(crate) struct Fate {
    plan: Plan,
    kills: u32,
}

impl Fate {
    /// Dies once, while it deals with one of its first `newcomers`.
    pub(crate) fn drawn(random: &mut impl Rng, newcomers: u32) -> Self {
        let plan = Plan::Waiting {
            newcomers: random.random_range(0..newcomers.max(1)),
            steps: random.random_range(0..STEPS),
        };
        Self { plan, kills: 0 }
    }

    pub(crate) fn immortal() -> Self {
        Self {
            plan: Plan::Alive,
            kills: 0,
        }
    }

    pub(crate) fn kills(&self) -> u32 {
        self.kills
    }

    /// An owner comes that this life has not seen.
    pub(crate) fn meet_newcomer(&mut self) {
        self.plan = match self.plan {
            Plan::Waiting {
                newcomers: 0,
                steps,
            } => Plan::Due { steps },
            Plan::Waiting { newcomers, steps } => Plan::Waiting {
                newcomers: newcomers - 1,
                steps,
            },
            other => other,
        };
    }

    /// Before each step.
    pub(crate) fn step(&mut self) -> Step<()> {
        match self.plan {
            Plan::Due { steps: 0 } => {
                self.plan = Plan::Alive;
                self.kills += 1;
                Err(Stop::Killed)
            }
            Plan::Due { steps } => {
                self.plan = Plan::Due { steps: steps - 1 };
                Ok(())
            }
            Plan::Waiting { .. } | Plan::Alive => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn everybody_dies_once_within_a_newcomers_steps() {
        for seed in 0..50 {
            let mut fate = Fate::drawn(&mut ChaCha8Rng::seed_from_u64(seed), 10);
            for _ in 0..20 {
                fate.step().unwrap();
            }
            let mut died_at = Vec::new();
            for newcomer in 0..100 {
                fate.meet_newcomer();
                died_at.extend((0..9).filter(|_| fate.step().is_err()).map(|_| newcomer));
            }
            assert_eq!((died_at.len(), fate.kills()), (1, 1), "seed {seed}");
            assert!(died_at.iter().all(|newcomer| *newcomer < 10), "{died_at:?}");
        }
    }

    #[test]
    fn an_immortal_one_never_dies() {
        let mut fate = Fate::immortal();
        for _ in 0..100 {
            fate.meet_newcomer();
            fate.step().unwrap();
        }
        assert_eq!(fate.kills(), 0);
    }
}
