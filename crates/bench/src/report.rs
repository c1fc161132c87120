//! The table of a run.

use comfy_table::Table;

/// What one case cost.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) case: &'static str,
    pub(crate) settlement: &'static str,
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// CPU of this process.
    pub(crate) cpu_seconds: f64,
    /// CPU of the hub's process, where one took part.
    pub(crate) hub_cpu_seconds: Option<f64>,
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
impl Measured {
    fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn micros(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.events as f64
    }
}

/// The rounds of every case, to one row each: the median by rate, and its ratio to the limit in
/// the same settlement mode.
pub(crate) fn table(results: &[Vec<Measured>]) -> Table {
    let medians: Vec<_> = results.iter().filter_map(|rounds| median(rounds)).collect();
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "case",
        "settlement",
        "events/s",
        "of receive and drop",
        "CPU µs/event",
        "hub CPU µs/event",
    ]);
    for measured in &medians {
        let limit = medians.iter().find(|other| {
            other.case == "receive and drop" && other.settlement == measured.settlement
        });
        table.add_row([
            measured.case.to_owned(),
            measured.settlement.to_owned(),
            format!("{:.0}", measured.rate()),
            limit.map_or_else(
                || "–".to_owned(),
                |l| format!("{:.2}", measured.rate() / l.rate()),
            ),
            format!("{:.2}", measured.micros(measured.cpu_seconds)),
            measured.hub_cpu_seconds.map_or_else(
                || "–".to_owned(),
                |cpu| format!("{:.2}", measured.micros(cpu)),
            ),
        ]);
    }
    table
}

fn median(rounds: &[Measured]) -> Option<Measured> {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    rounds.get(rounds.len() / 2).cloned()
}
