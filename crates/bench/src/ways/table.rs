//! The tables of the ways, as the README shows them.

use comfy_table::{CellAlignment, Table};
use rollcall_race::Kind;

use super::Line;
use super::contest::{Figures, Load};

const HEAD: [&str; 8] = [
    "way",
    "connections",
    "events/s",
    "Rollcall is × as fast",
    "CPU µs/event",
    "PostgreSQL's",
    "Redis'",
    "round trips/event",
];
const LOSSES_HEAD: [&str; 5] = [
    "under kills",
    "owners twice",
    "announcements lost",
    "statuses lost",
    "statuses twice",
];

pub(crate) fn tables(lines: &[Line]) -> String {
    let (steady, storm) = (figures(lines, Load::Steady), figures(lines, Load::Storm));
    format!(
        "Steady, owners that are known:\n\n{steady}\n\nStorm, a newcomer with every event:\n\n\
         {storm}\n\nWhat is lost and there twice, of 500 owners and 3,000 statuses, when each of 8 \
         consumers is killed once:\n\n{}",
        losses(lines)
    )
}

fn figures(lines: &[Line], load: Load) -> Table {
    let of = |line: &Line| match load {
        Load::Steady => line.steady,
        Load::Storm => line.storm,
    };
    let rollcall = |connections| {
        let same = |line: &&Line| line.kind == Kind::Rollcall && line.connections == connections;
        lines.iter().find(same).map(of)
    };
    let mut table = new(&HEAD);
    for line in lines {
        let own = of(line);
        let times = rollcall(line.connections).map(|rollcall| rollcall.rate / own.rate);
        table.add_row(row(line, own, times));
    }
    aligned(table, 2)
}

fn row(line: &Line, figures: Figures, times: Option<f64>) -> Vec<String> {
    let redis = figures.redis_cpu.filter(|_| line.kind.needs_redis());
    vec![
        line.kind.title().to_owned(),
        line.connections.to_string(),
        format!("{:.0}", figures.rate),
        times.map_or_else(|| "–".to_owned(), |times| format!("{times:.1}")),
        format!("{:.1}", figures.node_cpu),
        format!("{:.1}", figures.postgres_cpu),
        redis.map_or_else(|| "–".to_owned(), |redis| format!("{redis:.1}")),
        round_trips(figures.round_trips),
    ]
}

/// Batches have so few that they need other digits.
fn round_trips(number: f64) -> String {
    match number < 0.1 {
        true => format!("{number:.4}"),
        false => format!("{number:.1}"),
    }
}

fn losses(lines: &[Line]) -> Table {
    let mut table = new(&LOSSES_HEAD);
    let mut seen = Vec::new();
    for line in lines {
        if seen.contains(&line.kind.name()) {
            continue;
        }
        seen.push(line.kind.name());
        let mut row = vec![line.kind.title().to_owned()];
        row.extend(match line.losses {
            None => ["–"; 4].map(str::to_owned),
            Some(losses) => [
                losses.owners_twice,
                losses.announcements_lost,
                losses.statuses_lost,
                losses.statuses_twice,
            ]
            .map(|count| count.to_string()),
        });
        table.add_row(row);
    }
    aligned(table, 1)
}

fn new(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(head.to_vec());
    table
}

/// Figures to the right, from that column on.
fn aligned(mut table: Table, first: usize) -> Table {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
