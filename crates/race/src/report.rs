//! The table of a race, and what it shows.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::kind::Kind;
use crate::tally::Outcome;

/// A way that was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub way: &'static str,
    #[serde(skip)]
    pub kind: Kind,
    pub reason: String,
}

/// All that a race has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub seed: u64,
    pub owners: u32,
    pub statuses: u64,
    pub partitions: u32,
    pub consumers: u32,
    /// Of Rollcall.
    pub nodes: u32,
    pub database: &'static str,
    pub ways: Vec<Outcome>,
    pub left_out: Vec<LeftOut>,
}

const HEAD: [&str; 9] = [
    "",
    "owners\ntwice",
    "owners\nlost",
    "announced\ntwice",
    "sent again,\nsame id",
    "announce-\nments lost",
    "statuses\nlost",
    "statuses\ntwice",
    "statuses/s",
];

impl Report {
    /// Everything, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.what_was_run();
        text.push_str(&self.table());
        for left_out in &self.left_out {
            let title = left_out.kind.title();
            writeln!(text, "left out: {title}: {}", left_out.reason).ok();
        }
        text.push('\n');
        text.push_str(&self.what_it_shows());
        text
    }

    fn what_was_run(&self) -> String {
        let Self {
            seed,
            owners,
            statuses,
            partitions,
            consumers,
            nodes,
            database,
            ..
        } = self;
        format!(
            "{owners} newcomers with {statuses} statuses on {partitions} partitions, on {database}, \
             seed {seed}.\nEach of {consumers} consumers (of Rollcall: {}) is killed once.\n\n",
            counted(*nodes, "node")
        )
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(HEAD);
        for outcome in &self.ways {
            table.add_row(row(outcome));
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if index > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines = table.lines().map(|line| line.trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    fn what_it_shows(&self) -> String {
        let mut text = String::new();
        let loose = self.sums(|kind| !kind.has_unique_key());
        let keyed = self.sums(|kind| kind.has_unique_key() && kind != Kind::Rollcall);
        let per_message = self.sums(|kind| kind != Kind::Rollcall);
        if let Some(sum) = loose {
            writeln!(
                text,
                "Where a look, a claim or a lock comes before the creation, {} and {}: what was \
                 seen is over before the row is there, and whoever dies in between leaves a claim \
                 without an owner, or an owner whom nobody announces.",
                was(sum.owners_created_twice, "owner", "entered twice"),
                was(sum.owners_lost, "owner", "lost"),
            )
            .ok();
        }
        if let Some(sum) = keyed {
            writeln!(
                text,
                "With a unique key {}; a send after the commit can be lost with its sender, an \
                 outbox keeps it and repeats it under the same id.",
                was(sum.owners_created_twice, "owner", "entered twice"),
            )
            .ok();
        }
        if let Some(sum) = per_message {
            writeln!(
                text,
                "A checkpoint that follows the data stores again what lies between: {} in all \
                 these ways; a 0 among them is this run's luck and no promise.",
                was(sum.statuses_stored_twice, "status", "stored twice"),
            )
            .ok();
        }
        if let Some(sum) = self.sums(|kind| kind == Kind::Rollcall) {
            writeln!(
                text,
                "Rollcall commits owner and announcement in one transaction, statuses and \
                 checkpoint in another: {}, {}.",
                was(sum.owners_created_twice, "owner", "entered twice"),
                was(
                    sum.statuses_lost + sum.statuses_stored_twice,
                    "status",
                    "lost or stored twice"
                ),
            )
            .ok();
        }
        text.push_str(
            "The rates of Rollcall and of the 200 lines are those of a run without kills: processes \
             take seconds to come back, and small batches, in which kills hit more places, cost.\n",
        );
        text
    }

    /// The sums over the ways that are meant; none if none of them was run.
    fn sums(&self, meant: fn(Kind) -> bool) -> Option<Outcome> {
        let meant = self.ways.iter().filter(|outcome| meant(outcome.kind));
        meant.cloned().reduce(|mut sum, outcome| {
            sum.owners_created_twice += outcome.owners_created_twice;
            sum.owners_lost += outcome.owners_lost;
            sum.statuses_lost += outcome.statuses_lost;
            sum.statuses_stored_twice += outcome.statuses_stored_twice;
            sum
        })
    }
}

fn row(outcome: &Outcome) -> Vec<String> {
    let counts = [
        outcome.owners_created_twice,
        outcome.owners_lost,
        outcome.announced_twice,
        outcome.announcements_repeated,
        outcome.announcements_lost,
        outcome.statuses_lost,
        outcome.statuses_stored_twice,
        outcome.statuses_per_second,
    ];
    let counts = counts.iter().map(ToString::to_string);
    std::iter::once(outcome.kind.title().to_owned())
        .chain(counts)
        .collect()
}

fn counted(count: u32, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// As in “no owner was lost”, “1 status was lost”, “3 statuses were lost”.
fn was(count: u64, noun: &str, fate: &str) -> String {
    let plural = match noun {
        "status" => "statuses".to_owned(),
        noun => format!("{noun}s"),
    };
    match count {
        0 => format!("no {noun} was {fate}"),
        1 => format!("1 {noun} was {fate}"),
        _ => format!("{count} {plural} were {fate}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: Kind, owners_created_twice: u64, statuses_stored_twice: u64) -> Outcome {
        Outcome {
            way: kind.name(),
            kind,
            owners_created_twice,
            owners_lost: 0,
            announced_twice: owners_created_twice,
            announcements_repeated: 0,
            announcements_lost: 1,
            statuses_lost: 0,
            statuses_stored_twice,
            statuses_per_second: 1_234,
            kills: 4,
        }
    }

    fn report() -> Report {
        Report {
            seed: 1,
            owners: 60,
            statuses: 360,
            partitions: 8,
            consumers: 4,
            nodes: 1,
            database: "SQLite",
            ways: vec![
                outcome(Kind::CheckThenCreate, 3, 20),
                outcome(Kind::Outbox, 0, 1),
                outcome(Kind::Rollcall, 0, 0),
            ],
            left_out: vec![LeftOut {
                way: Kind::SetNx.name(),
                kind: Kind::SetNx,
                reason: "it needs Redis: redis-server is missing".to_owned(),
            }],
        }
    }

    #[test]
    fn the_text_has_a_row_per_way_names_what_was_left_out_and_says_what_it_shows() {
        insta::assert_snapshot!(report().text());
    }

    #[test]
    fn machines_read_the_same() {
        insta::assert_json_snapshot!(report());
    }

    #[test]
    fn nothing_is_said_of_ways_that_were_not_run() {
        let mut report = report();
        report.ways.retain(|outcome| outcome.kind == Kind::Outbox);
        let text = report.text();
        assert!(!text.contains("Rollcall commits"), "{text}");
        assert!(!text.contains("Where a look"), "{text}");
    }
}
