//! The table of a run.

use comfy_table::Table;

use crate::database::Kind;

/// What one case cost.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) case: &'static str,
    pub(crate) database: Option<Kind>,
    pub(crate) settlement: Option<&'static str>,
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// CPU of this process.
    pub(crate) cpu_seconds: f64,
    /// CPU of the hub's process, where one took part.
    pub(crate) hub_cpu_seconds: Option<f64>,
    /// CPU of the database's processes, where it has some.
    pub(crate) database_cpu_seconds: Option<f64>,
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
impl Measured {
    fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn micros(&self, seconds: f64) -> String {
        format!("{:.2}", seconds * 1e6 / self.events as f64)
    }

    /// Its rate as a share of what it is compared with: of receive and drop in the same settlement
    /// mode, or of plain SQL on the same database.
    fn ratio(&self, all: &[Self]) -> Option<String> {
        let limit = match self.settlement {
            Some(_) => "receive and drop",
            None => "plain SQL",
        };
        let is_limit = |other: &&Self| {
            let same = match self.settlement {
                Some(_) => other.settlement == self.settlement,
                None => self.database.is_some() && other.database == self.database,
            };
            other.case == limit && same
        };
        let ratio = self.rate() / all.iter().find(is_limit)?.rate();
        Some(format!("{ratio:.2} of {limit}"))
    }
}

/// The rounds of every case, to one row each: the median by rate.
pub(crate) fn table(results: &[Vec<Measured>]) -> Table {
    let medians: Vec<_> = results.iter().filter_map(|rounds| median(rounds)).collect();
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "case",
        "database",
        "settlement",
        "events/s",
        "ratio",
        "CPU µs/event",
        "database's",
        "hub's",
    ]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    for measured in &medians {
        let micros = |seconds: Option<f64>| seconds.map(|seconds| measured.micros(seconds));
        table.add_row([
            measured.case.to_owned(),
            or_dash(measured.database.map(|database| database.name().to_owned())),
            or_dash(measured.settlement.map(ToOwned::to_owned)),
            format!("{:.0}", measured.rate()),
            or_dash(measured.ratio(&medians)),
            measured.micros(measured.cpu_seconds),
            or_dash(micros(measured.database_cpu_seconds)),
            or_dash(micros(measured.hub_cpu_seconds)),
        ]);
    }
    table
}

fn median(rounds: &[Measured]) -> Option<Measured> {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    rounds.get(rounds.len() / 2).cloned()
}
