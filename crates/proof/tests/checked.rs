//! The model is right under every fault, and wrong without any of its rules.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "tests say how much was checked, and may fail"
)]

use rollcall_proof::{Faults, Mutant, Nodes};
use stateright::{Checker, HasDiscoveries, Model};

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    stops: 0,
    losses: 0,
    delays: 0,
    moves: 0,
};
const CRASH: Faults = Faults {
    crashes: 1,
    ..NO_FAULTS
};
const STOP: Faults = Faults {
    stops: 1,
    ..NO_FAULTS
};
const LOSS: Faults = Faults {
    losses: 1,
    ..NO_FAULTS
};
const DELAY: Faults = Faults {
    delays: 1,
    ..NO_FAULTS
};
const MOVE: Faults = Faults {
    moves: 1,
    ..NO_FAULTS
};

/// Two nodes, two partitions, three batches at the most.
fn nodes(faults: Faults, mutant: Option<Mutant>) -> Nodes {
    Nodes {
        events: [2, 1],
        faults,
        mutant,
    }
}

/// Every state, and every property holds in it.
fn assert_right(faults: Faults) {
    let checker = nodes(faults, None).checker().threads(2).spawn_bfs().join();
    println!(
        "{faults:?}: {} states, {} of them distinct, up to {} steps",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

/// The first property that does not hold, with the steps that lead there.
fn refuted(faults: Faults, mutant: Mutant) -> &'static str {
    let checker = nodes(faults, Some(mutant)).checker().threads(2);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let failures = checker.discoveries().into_iter();
    let mut failures =
        failures.filter(|(name, _)| checker.model().property(name).expectation == ALWAYS);
    let (name, path) = failures.next().expect("nothing is refuted");
    println!("{mutant:?}: {name}: {:?}", path.into_actions());
    name
}

const ALWAYS: stateright::Expectation = stateright::Expectation::Always;

#[test]
fn it_is_right_without_faults() {
    assert_right(NO_FAULTS);
}

#[test]
fn it_is_right_under_a_crash() {
    assert_right(CRASH);
}

#[test]
fn it_is_right_with_a_process_that_stops_and_may_go_on() {
    assert_right(STOP);
}

#[test]
fn it_is_right_under_a_lost_answer_and_a_dead_writer() {
    assert_right(LOSS);
}

#[test]
fn it_is_right_when_a_lease_runs_out_under_a_living_node() {
    assert_right(DELAY);
}

#[test]
fn it_is_right_when_readers_restart_and_hand_over() {
    assert_right(MOVE);
}

#[test]
fn without_the_epoch_a_displaced_node_stores() {
    let property = refuted(DELAY, Mutant::NoEpochCheck);
    assert_eq!(property, "a stale epoch stores nothing");
}

#[test]
fn by_the_first_number_alone_events_are_lost() {
    let property = refuted(LOSS, Mutant::FirstNumberAfterStored);
    assert_eq!(property, "the checkpoint is what the data is");
}

#[test]
fn by_the_name_alone_two_processes_have_one_lease() {
    let property = refuted(CRASH, Mutant::LeasesByNameOnly);
    assert_eq!(property, "a stale epoch stores nothing");
    let supplanted = Faults { moves: 1, ..STOP };
    let property = refuted(supplanted, Mutant::LeasesByNameOnly);
    assert_eq!(property, "an epoch has one reader");
}

#[test]
fn a_checkpoint_before_its_data_passes_over_events() {
    let property = refuted(NO_FAULTS, Mutant::CheckpointBeforeData);
    assert_eq!(property, "the checkpoint is what the data is");
}

#[test]
fn behind_a_guard_that_does_not_raise_the_data_is_stored_all_the_same() {
    let property = refuted(DELAY, Mutant::GuardDoesNotRaise);
    assert!(property.starts_with("a stale epoch") || property.starts_with("the checkpoint"));
}

#[test]
fn an_event_outside_the_transaction_is_missing_after_a_crash() {
    let property = refuted(NO_FAULTS, Mutant::EventOutsideTransaction);
    assert_eq!(property, "one owner row, one created event");
}

#[test]
fn without_for_share_a_row_is_held_for_ever() {
    let property = refuted(NO_FAULTS, Mutant::HeldWithoutForShare);
    assert_eq!(property, "no wait is without end");
}

#[test]
fn an_unguarded_latest_status_goes_back() {
    let property = refuted(NO_FAULTS, Mutant::LatestUnguarded);
    assert_eq!(property, "the latest status is the greatest by the rule");
}

#[test]
fn what_a_stopped_process_holds_is_waited_for_until_somebody_ends_it() {
    let property = refuted(STOP, Mutant::NoTermination);
    assert_eq!(property, "no wait is without end");
}

/// Found by the model: a claim looks before it claims, and whoever held the lease in between may
/// have stopped in the midst of a COPY by then.
#[test]
fn a_claim_alone_does_not_end_every_session() {
    let property = refuted(STOP, Mutant::NoSweep);
    assert_eq!(property, "no wait is without end");
}
