//! A model of what the nodes do to the database, small enough to be read beside the code, and a
//! checker (`stateright`) that walks through all interleavings of it.
//!
//! | here | in the code |
//! |---|---|
//! | [`commit`] | `store/src/postgres/commit.rs`, `store/src/commit/{plan,fates}.rs`, `advance_partitions` in `migrations` |
//! | [`lease`] | `store/src/postgres/lease.rs`, `pipeline/src/{reader_start,partition_reader,lease_keeper}.rs` |
//! | [`provision`] | `store/src/postgres/provision.rs`, `pipeline/src/owner_actor.rs` |
//! | [`hand`] | `store/src/postgres/{owners,held}.rs`: held rows are settled by a transaction behind the change |
//! | [`faults`] | what `tests/system` does to processes: `kill -9`, SIGSTOP, cut connections |
//! | [`properties`] | the invariants I1 to I5 |
//!
//! **The world.** Two nodes share two partitions of one hub. All events are one sub-owner's of one
//! owner that nobody knows; it is entered `pending`, its events are held, and at some time a hand
//! approves or blocks it. The position rule is not modelled: it is the code's own
//! ([`rollcall_model::judge`]).
//!
//! **Locks are locks.** A step that has to wait is not possible in that state. Sure steps (what a
//! living process or the server does, time that passes) and faults are told apart: a state in which
//! no sure step is possible although something is left to do is a wait that nobody ends.
//!
//! **What is left out.** A lock that a client holds between two round trips, outside of COPY, ends
//! by `idle_in_transaction_session_timeout`: for a stopped process that is the step
//! [`Action::TimeOut`], and claims, renewals, releases and changes by hand are one step each. A
//! writer's group is one batch; the rule for groups (`commit/plan.rs`) has tests of its own. Nothing
//! is read from the hub that is not there, so there are no gaps, and every event can be decoded. The
//! limit of held rows is left out (its lock, the row of `held_counts`, is not), and so is the sweeper
//! that settles what a settling missed: nothing may be missed.

pub mod action;
pub mod commit;
pub mod faults;
pub mod hand;
pub mod lease;
pub mod mutant;
pub mod properties;
pub mod provision;
pub mod world;

pub use action::{Action, Nodes};
pub use mutant::Mutant;
pub use world::{Faults, World};
