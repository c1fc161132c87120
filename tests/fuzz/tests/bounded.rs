//! Every fuzz target on its seeds, and on a bounded number of inputs that are made of them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what is wrong by failing"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What parsers often stumble over.
const ODD: [u8; 14] = *b"\x00\x01\x40\x53\x7f\x80\xff\"'{[\\\n=";
const MOST_CHANGES: usize = 5;
const SEED: &str = "ROLLCALL_TEST_SEED";

#[test]
fn frames() {
    run("frames", 20_000, rollcall_fuzz::frames);
}

#[test]
fn peers() {
    run("peer", 3_000, rollcall_fuzz::peer);
    // Some are signed in, and understood.
    assert!(rollcall_fuzz::logged() > 0);
}

#[test]
fn messages() {
    run("message", 50_000, rollcall_fuzz::message);
}

#[test]
fn selectors() {
    run("selector", 50_000, rollcall_fuzz::selector);
}

#[test]
fn configurations() {
    run("configuration", 3_000, rollcall_fuzz::configuration);
}

fn run(target: &str, count: usize, entry: fn(&[u8])) {
    let seeds = seeds(target);
    let seed = seed();
    eprintln!("{SEED}={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for input in &seeds {
        tried(entry, input);
    }
    for _ in 0..count {
        tried(entry, &changed(&mut rng, &seeds));
    }
}

/// The one that the environment names, so that a run can be had again.
#[allow(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the program"
)]
fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => rand::random(),
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files = std::fs::read_dir(&dir).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // A seed of this test shall make the same inputs everywhere.
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", dir.display());
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn tried(entry: fn(&[u8]), input: &[u8]) {
    let told = Told(input);
    entry(input);
    drop(told);
}

/// Says which input it was, when it made the target panic.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut hex = String::new();
            for byte in self.0 {
                let _written: std::fmt::Result = write!(hex, "{byte:02x}");
            }
            eprintln!("the input, for `xxd -r -p`: {hex}");
        }
    }
}

fn changed(rng: &mut ChaCha8Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds.choose(rng).cloned().unwrap_or_default();
    for _ in 0..rng.random_range(1..=MOST_CHANGES) {
        let (begin, end) = range(rng, input.len());
        match rng.random_range(0..6) {
            0 if begin < end => input[begin] ^= 1 << rng.random_range(0..8),
            1 if begin < end => input[begin] = *ODD.choose(rng).unwrap_or(&0),
            2 => drop(input.drain(begin..end)),
            3 => {
                let again = input[begin..end].to_vec();
                input.splice(end..end, again);
            }
            4 => {
                let other = seeds.choose(rng).map(Vec::as_slice).unwrap_or_default();
                let (from, to) = range(rng, other.len());
                input.splice(begin..end, other[from..to].iter().copied());
            }
            _ => input.insert(begin, rng.random()),
        }
    }
    input
}

/// A short piece as often as a long one.
fn range(rng: &mut ChaCha8Rng, len: usize) -> (usize, usize) {
    let begin = rng.random_range(0..=len);
    let most = if rng.random() {
        len - begin
    } else {
        (len - begin).min(8)
    };
    (begin, begin + rng.random_range(0..=most))
}
