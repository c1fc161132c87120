//! What is wrong with settings, each fault with its place.

use super::{CalibrationOverride, Clamp, Labels, Polynomial, Step, Steps, Table};
use crate::JsonPointer;

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// The JSON path of the field, such as `sub_owners.7.gain` or `steps.2.table.points.1`.
    pub field: String,
    pub problem: String,
}

const MAX_UNIT_CHARACTERS: usize = 64;
// A status passes through all of this: bounds keep the slowest calibration in the microseconds, and
// what the directory keeps of an owner in the kilobytes.
const MAX_STEPS: usize = 16;
const MAX_COEFFICIENTS: usize = 16;
const MAX_POINTS: usize = 256;
const MAX_LABELS: usize = 256;
const MAX_LABEL_CHARACTERS: usize = 128;

/// Where a fault is looked for: gathers them under one path.
struct Place<'f> {
    path: String,
    faults: &'f mut Vec<SettingsError>,
}

impl Place<'_> {
    fn fault(&mut self, field: &str, problem: impl Into<String>) {
        self.faults.push(SettingsError {
            field: format!("{}{field}", self.path),
            problem: problem.into(),
        });
    }

    fn finite(&mut self, field: &str, number: Option<f64>) {
        if number.is_some_and(|number| !number.is_finite()) {
            self.fault(field, "must be a finite number");
        }
    }

    /// Whether there are as many as there may be.
    fn count(&mut self, field: &str, count: usize, allowed: std::ops::RangeInclusive<usize>) {
        if !allowed.contains(&count) {
            let (least, most) = allowed.into_inner();
            self.fault(field, format!("needs {least} to {most}, and has {count}"));
        }
    }
}

impl CalibrationOverride {
    pub(super) fn faults(&self, path: &str, faults: &mut Vec<SettingsError>) {
        let mut place = Place {
            path: path.to_owned(),
            faults,
        };
        if let Some(Err(error)) = self.pointer.as_deref().map(JsonPointer::parse) {
            place.fault("pointer", error.to_string());
        }
        place.finite("gain", self.gain);
        place.finite("offset", self.offset);
        let characters = self.unit.as_ref().map_or(0, |unit| unit.chars().count());
        if characters > MAX_UNIT_CHARACTERS {
            let problem = format!("has more than {MAX_UNIT_CHARACTERS} characters");
            place.fault("unit", problem);
        }
        if let Some(steps) = &self.steps {
            self.beside_steps(&mut place);
            check_steps(steps, &mut place);
        }
    }

    fn beside_steps(&self, place: &mut Place<'_>) {
        for (field, part) in [("gain", self.gain), ("offset", self.offset)] {
            if part.is_some() {
                let problem = "cannot stand beside steps: set it to null, or write it as a step \
                               {\"linear\": {\"gain\": …, \"offset\": …}}";
                place.fault(field, problem);
            }
        }
    }
}

fn check_steps(Steps(steps): &Steps, place: &mut Place<'_>) {
    place.count("steps", steps.len(), 0..=MAX_STEPS);
    for (index, step) in steps.iter().take(MAX_STEPS).enumerate() {
        let mut place = Place {
            path: format!("{}steps.{index}.", place.path),
            faults: &mut *place.faults,
        };
        match step {
            Step::Linear(linear) => {
                place.finite("linear.gain", Some(linear.gain));
                place.finite("linear.offset", Some(linear.offset));
            }
            Step::Polynomial(polynomial) => check_polynomial(polynomial, &mut place),
            Step::Table(table) => check_table(table, &mut place),
            Step::Clamp(clamp) => check_clamp(clamp, &mut place),
            Step::Labels(labels) => {
                if index > 0 {
                    place.fault(
                        "labels",
                        "must be the first step: the others take numbers and no text",
                    );
                }
                check_labels(labels, &mut place);
            }
        }
    }
}

fn check_polynomial(Polynomial { coefficients }: &Polynomial, place: &mut Place<'_>) {
    let field = "polynomial.coefficients";
    place.count(field, coefficients.len(), 1..=MAX_COEFFICIENTS);
    for (index, coefficient) in coefficients.iter().enumerate().take(MAX_COEFFICIENTS) {
        place.finite(&format!("{field}.{index}"), Some(*coefficient));
    }
}

fn check_table(table: &Table, place: &mut Place<'_>) {
    let points = &table.points;
    place.count("table.points", points.len(), 2..=MAX_POINTS);
    for (index, (x, y)) in points.iter().enumerate().take(MAX_POINTS) {
        let field = format!("table.points.{index}");
        if !(x.is_finite() && y.is_finite()) {
            place.fault(&field, "must be two finite numbers");
            continue;
        }
        let Some((before, height)) = index.checked_sub(1).and_then(|i| points.get(i)) else {
            continue;
        };
        if x <= before {
            place.fault(
                &field,
                format!("x must be greater than {before}, the one before it"),
            );
        } else if !((x - before).is_finite() && (y - height).is_finite()) {
            place.fault(
                &field,
                "lies too far from the point before it to draw a line",
            );
        }
    }
}

fn check_clamp(clamp: &Clamp, place: &mut Place<'_>) {
    place.finite("clamp.min", clamp.min);
    place.finite("clamp.max", clamp.max);
    match (clamp.min, clamp.max) {
        (None, None) => place.fault("clamp", "needs min, max or both"),
        (Some(min), Some(max)) if min > max => {
            place.fault("clamp", format!("min {min} must not be above max {max}"));
        }
        _ => {}
    }
}

fn check_labels(labels: &Labels, place: &mut Place<'_>) {
    place.count("labels.map", labels.map.len(), 1..=MAX_LABELS);
    place.finite("labels.otherwise", labels.otherwise);
    for (label, number) in labels.map.iter().take(MAX_LABELS) {
        let field = format!("labels.map.{label}");
        place.finite(&field, Some(*number));
        if label.chars().count() > MAX_LABEL_CHARACTERS {
            place.fault(
                &field,
                format!("has more than {MAX_LABEL_CHARACTERS} characters"),
            );
        }
    }
}
