//! Whose CPU time an event costs, with people and without: so it is seen whose work they cause.

use std::fmt;

use comfy_table::Table;

use crate::cast::CpuSeconds;

/// Sums over the turns of one kind.
#[derive(Debug, Default)]
pub(super) struct Bill {
    spent: CpuSeconds,
    events: u64,
}

/// What a turn without people costs, beside one with them.
pub(super) struct Bills<'a> {
    pub(super) alone: &'a Bill,
    pub(super) crowded: &'a Bill,
}

type Part = fn(&CpuSeconds) -> f64;

const WHOSE: [(&str, Part); 5] = [
    ("the nodes", |spent| spent.nodes),
    ("PostgreSQL", |spent| spent.postgres),
    ("the hub", |spent| spent.hub),
    ("the fleet", |spent| spent.fleets),
    ("the bench, with the people", |spent| spent.bench),
];

impl Bill {
    pub(super) fn add(&mut self, before: &CpuSeconds, after: &CpuSeconds, events: u64) {
        self.spent.nodes += after.nodes - before.nodes;
        self.spent.postgres += after.postgres - before.postgres;
        self.spent.hub += after.hub - before.hub;
        self.spent.fleets += after.fleets - before.fleets;
        self.spent.bench += after.bench - before.bench;
        self.events += events;
    }

    /// Microseconds of CPU time per event.
    fn micros(&self, seconds: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "millions of events")]
        let events = self.events as f64;
        seconds * 1e6 / events
    }
}

impl fmt::Display for Bills<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["CPU µs per event", "alone", "beside people", "more"]);
        for (whose, of) in WHOSE {
            let alone = self.alone.micros(of(&self.alone.spent));
            let crowded = self.crowded.micros(of(&self.crowded.spent));
            let mut row = vec![whose.to_owned()];
            row.extend([alone, crowded, crowded - alone].map(|micros| format!("{micros:.2}")));
            table.add_row(row);
        }
        writeln!(f, "{table}")
    }
}
