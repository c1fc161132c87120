//! The plot: a panel per load, the latency over time, on a logarithmic axis.

use std::fmt::Write as _;

use super::Line;
use super::figures::{Point, histogram};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 110.0;
const PANEL: f64 = 130.0;
const HEAD: f64 = 34.0;
const FOOT: f64 = 22.0;
/// Milliseconds at both ends of the axis, as powers of ten.
const DECADES: (i32, i32) = (0, 5);
/// Seconds that a point of a line stands for.
const STEP: f64 = 0.5;
const SHOWN: [(f64, &str, &str); 3] = [
    (50.0, "p50", "#5b7f9f"),
    (99.0, "p99", "#d9822b"),
    (100.0, "greatest", "#c9c9c9"),
];

pub(super) fn svg(lines: &[Line]) -> String {
    let height = lines.len() as f64 * (HEAD + PANEL + FOOT) + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        panel(&mut svg, number as f64 * (HEAD + PANEL + FOOT) + HEAD, line);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, top: f64, line: &Line) {
    let title = format!("{} ({:.0} events/s)", line.name, line.rate);
    let title = format!("<tspan font-weight=\"bold\">{title}</tspan>");
    text(svg, (LEFT, top - 12.0), "start", &title);
    let seconds = line.points.iter().map(|point| point.due);
    let seconds = seconds.fold(STEP, f64::max);
    let x = |second: f64| LEFT + second / seconds * (WIDTH - LEFT - RIGHT);
    for (decade, name) in
        (DECADES.0..=DECADES.1).zip(["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"])
    {
        let y = top + height(10_f64.powi(decade));
        rule(svg, (x(0.0), y), (x(seconds), y));
        text(svg, (LEFT - 8.0, y + 4.0), "end", name);
    }
    for second in (0..)
        .map(|five| f64::from(five) * 5.0)
        .take_while(|second| *second <= seconds)
    {
        let name = format!("{second:.0} s");
        text(svg, (x(second), top + PANEL + 15.0), "middle", &name);
    }
    // The greatest first: what lies above it shall be seen.
    for (place, (percentile, name, colour)) in SHOWN.iter().enumerate().rev() {
        let path = steps(&line.points, *percentile);
        let path = path
            .iter()
            .map(|(second, millis)| format!("{:.1},{:.1}", x(*second), top + height(*millis)));
        let path: Vec<_> = path.collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            path.join(" ")
        )
        .ok();
        let y = top + 14.0 + place as f64 * 18.0;
        let name = format!("<tspan fill=\"{colour}\">{name}</tspan>");
        text(svg, (WIDTH - RIGHT + 12.0, y), "start", &name);
    }
}

/// A percentile of each step, in milliseconds.
fn steps(points: &[Point], percentile: f64) -> Vec<(f64, f64)> {
    let of_step = |point: &Point| (point.due / STEP).floor();
    let steps = points.chunk_by(|one, next| of_step(one) == of_step(next));
    let middle = |step: &[Point]| {
        let histogram = histogram(step.iter().map(|point| point.latency)).ok()?;
        let micros = std::time::Duration::from_micros(histogram.value_at_percentile(percentile));
        Some(((of_step(&step[0]) + 0.5) * STEP, micros.as_secs_f64() * 1e3))
    };
    steps.filter_map(middle).collect()
}

/// From the top of a panel.
fn height(millis: f64) -> f64 {
    let (first, last) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let share = (millis.max(1.0).log10() - first) / (last - first);
    PANEL * (1.0 - share.clamp(0.0, 1.0))
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#eee\"/>"
    )
    .ok();
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    )
    .ok();
}
