//! Checks a larger world than the tests do:
//! `cargo run --release -p rollcall-proof --example check -- events=2,1 crashes=1 losses=1`.

#![allow(clippy::print_stdout, reason = "a program that reports")]

use std::process::ExitCode;
use std::time::Instant;

use rollcall_proof::{Faults, Nodes};
use stateright::{Checker, HasDiscoveries, Model};

fn main() -> ExitCode {
    let mut nodes = Nodes {
        events: [2, 1],
        faults: Faults {
            crashes: 0,
            stops: 0,
            losses: 0,
            delays: 0,
            moves: 0,
        },
        mutant: None,
    };
    for argument in std::env::args().skip(1) {
        if set(&mut nodes, &argument).is_none() {
            println!(
                "{argument}: expected events=N,N (1 to 3), or crashes, stops, losses, delays, moves=N"
            );
            return ExitCode::from(2);
        }
    }
    let began = Instant::now();
    let checker = nodes.clone().checker().threads(2);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    println!(
        "{nodes:?}: {} states, {} of them distinct, up to {} steps, {:.1?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    let always =
        |name| checker.model().property(name).expectation == stateright::Expectation::Always;
    let discoveries = checker.discoveries().into_iter();
    let refuted: Vec<_> = discoveries.filter(|(name, _)| always(name)).collect();
    for (name, path) in &refuted {
        println!("does not hold: {name}: {:#?}", path.clone().into_actions());
    }
    ExitCode::from(u8::from(!refuted.is_empty()))
}

fn set(nodes: &mut Nodes, argument: &str) -> Option<()> {
    let (name, value) = argument.split_once('=')?;
    if name == "events" {
        let (first, second) = value.split_once(',')?;
        let count = |text: &str| text.parse().ok().filter(|count| (1..=3).contains(count));
        nodes.events = [count(first)?, count(second)?];
        return Some(());
    }
    let faults = &mut nodes.faults;
    let fault = match name {
        "crashes" => &mut faults.crashes,
        "stops" => &mut faults.stops,
        "losses" => &mut faults.losses,
        "delays" => &mut faults.delays,
        "moves" => &mut faults.moves,
        _ => return None,
    };
    *fault = value.parse().ok()?;
    Some(())
}
