//! The plot: a bar per way, load and number of connections, by a logarithmic rate.

use std::fmt::Write as _;

use rollcall_race::Kind;

use super::Line;
use super::contest::Load;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 12.0;
const GAP: f64 = 10.0;
const HEAD: f64 = 56.0;
const BETWEEN: f64 = 60.0;
/// The powers of ten at both ends of the axis.
const DECADES: (i32, i32) = (2, 6);
/// Few and many connections; Rollcall's are the darker ones.
const COLOURS: [&str; 2] = ["#9db4c8", "#5b7f9f"];
const OWN_COLOURS: [&str; 2] = ["#f2b36b", "#d9822b"];

pub(crate) fn svg(lines: &[Line]) -> String {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut connections: Vec<u32> = Vec::new();
    for line in lines {
        if !kinds.contains(&line.kind) {
            kinds.push(line.kind);
        }
        if !connections.contains(&line.connections) {
            connections.push(line.connections);
        }
    }
    let plot = Plot {
        lines,
        kinds,
        connections,
    };
    plot.draw()
}

struct Plot<'l> {
    lines: &'l [Line],
    kinds: Vec<Kind>,
    connections: Vec<u32>,
}

#[allow(clippy::cast_precision_loss, reason = "pixels")]
impl Plot<'_> {
    fn draw(&self) -> String {
        let panel = self.panel_height();
        let height = 2.0 * (HEAD + panel) + BETWEEN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let titles = [
            (Load::Steady, "Steady: events/s of owners that are known"),
            (Load::Storm, "Storm: events/s, a newcomer with every event"),
        ];
        for (number, (load, title)) in titles.into_iter().enumerate() {
            let top = number as f64 * (HEAD + panel + BETWEEN);
            self.panel(&mut svg, top, load, title);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn group_height(&self) -> f64 {
        self.connections.len() as f64 * BAR + GAP
    }

    fn panel_height(&self) -> f64 {
        self.kinds.len() as f64 * self.group_height()
    }

    fn panel(&self, svg: &mut String, top: f64, load: Load, title: &str) {
        text(
            svg,
            (LEFT, top + 22.0),
            "start",
            &format!("<tspan font-weight=\"bold\">{title}</tspan>"),
        );
        let bottom = top + HEAD + self.panel_height();
        for decade in DECADES.0..=DECADES.1 {
            let x = position(10_f64.powi(decade));
            writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#ddd\"/>",
                top + HEAD - 8.0
            )
            .ok();
            text(
                svg,
                (x, top + HEAD - 14.0),
                "middle",
                &spaced(10_f64.powi(decade)),
            );
        }
        for (row, kind) in self.kinds.iter().enumerate() {
            let y = top + HEAD + row as f64 * self.group_height();
            let middle = y + (self.group_height() - GAP) / 2.0 + 4.0;
            text(svg, (LEFT - 10.0, middle), "end", kind.title());
            self.bars(svg, y, *kind, load);
        }
    }

    fn bars(&self, svg: &mut String, top: f64, kind: Kind, load: Load) {
        let of_kind = self.lines.iter().filter(|line| line.kind == kind);
        for (number, line) in of_kind.enumerate() {
            let rate = match load {
                Load::Steady => line.steady.rate,
                Load::Storm => line.storm.rate,
            };
            let colours = match kind {
                Kind::Rollcall => OWN_COLOURS,
                _ => COLOURS,
            };
            let colour = colours.get(number % 2).copied().unwrap_or_default();
            let (y, end) = (top + number as f64 * BAR, position(rate));
            writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                end - LEFT,
                BAR - 1.0
            )
            .ok();
            let label = format!(
                "{} <tspan fill=\"#888\">({})</tspan>",
                spaced(rate),
                line.connections
            );
            text(svg, (end + 4.0, y + BAR - 2.0), "start", &label);
        }
    }
}

/// Where on the axis a rate lies.
fn position(rate: f64) -> f64 {
    let (first, last) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let share = (rate.max(1.0).log10() - first) / (last - first);
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    )
    .ok();
}

/// As in 12,345.
fn spaced(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut spaced = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced
}
