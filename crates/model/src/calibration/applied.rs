//! Calibrations ready for use: every status passes through here.

use std::sync::Arc;

use super::{CalibrationOverride, Labels, Outside, Step, Steps, Table};
use crate::JsonPointer;
use crate::json_pointer::CowStr;

/// A calibration ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    pub(super) pointer: JsonPointer,
    pub(super) form: Form,
}

/// Linear ones stand in place: nearly all owners have them, and there may be millions.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Linear { gain: f64, offset: f64 },
    Steps(Arc<[Step]>),
}

/// What calibration made of one datum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Calibrated {
    Value(f64),
    /// There is no number at the pointer, a step has no value for it, or a result is not finite:
    /// the raw text is kept, the value is null.
    Nothing,
    /// The number itself does not fit a 64-bit float: no database could hold it.
    OutOfRange,
}

impl Default for Calibration {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Calibration {
    /// Of the parts, the nearest first.
    pub(super) fn of(parts: &[&CalibrationOverride]) -> Self {
        let pointer = parts.iter().find_map(|part| part.pointer.as_deref());
        Self {
            // Settings with a faulty pointer are refused before they are stored.
            pointer: JsonPointer::parse(pointer.unwrap_or("")).unwrap_or_default(),
            form: Form::of(parts),
        }
    }

    /// Calibrates the raw JSON text of `data`.
    #[must_use]
    pub fn apply(&self, data: &str) -> Calibrated {
        let Some(raw) = self.pointer.find(data) else {
            return Calibrated::Nothing;
        };
        match &self.form {
            Form::Linear { gain, offset } => number(raw).then(|x| Some(linear(x, *gain, *offset))),
            Form::Steps(steps) => take(steps, raw),
        }
    }
}

impl Form {
    fn of(parts: &[&CalibrationOverride]) -> Self {
        let decides = |part: &&&CalibrationOverride| {
            part.steps.is_some() || part.gain.is_some() || part.offset.is_some()
        };
        let nearest = parts.iter().find(decides);
        match nearest.and_then(|part| part.steps.as_ref()) {
            Some(Steps(steps)) => Self::Steps(steps.as_slice().into()),
            None => Self::Linear {
                gain: parts.iter().find_map(|part| part.gain).unwrap_or(1.0),
                offset: parts.iter().find_map(|part| part.offset).unwrap_or(0.0),
            },
        }
    }
}

impl Calibrated {
    /// The next step, where there is a value; what is not finite is none.
    fn then(self, step: impl FnOnce(f64) -> Option<f64>) -> Self {
        match self {
            Self::Value(x) => step(x)
                .filter(|y| y.is_finite())
                .map_or(Self::Nothing, Self::Value),
            none => none,
        }
    }
}

pub(super) fn number(raw: &str) -> Calibrated {
    if !raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Calibrated::Nothing;
    }
    match raw.parse::<f64>() {
        Ok(number) if number.is_finite() => Calibrated::Value(number),
        Ok(_) => Calibrated::OutOfRange,
        Err(_) => Calibrated::Nothing,
    }
}

pub(super) fn take(steps: &[Step], raw: &str) -> Calibrated {
    let (first, rest) = match steps {
        [Step::Labels(labels), rest @ ..] => (label(labels, raw), rest),
        all => (number(raw), all),
    };
    rest.iter().fold(first, |x, step| x.then(|x| next(step, x)))
}

fn label(labels: &Labels, raw: &str) -> Calibrated {
    let number = match raw {
        "true" | "false" => labels.map.get(raw),
        text if text.starts_with('"') => match serde_json::from_str::<CowStr<'_>>(text) {
            Ok(CowStr(label)) => labels.map.get(label.as_ref()),
            Err(_) => return Calibrated::Nothing,
        },
        _ => return Calibrated::Nothing,
    };
    number
        .copied()
        .or(labels.otherwise)
        .map_or(Calibrated::Nothing, Calibrated::Value)
}

fn next(step: &Step, x: f64) -> Option<f64> {
    match step {
        Step::Linear(step) => Some(linear(x, step.gain, step.offset)),
        Step::Polynomial(step) => {
            let falling = step.coefficients.iter().rev();
            Some(falling.fold(0.0, |sum, coefficient| x.mul_add(sum, *coefficient)))
        }
        Step::Table(table) => look_up(table, x),
        // `f64::clamp` would panic over bounds that only faulty settings have.
        Step::Clamp(step) => {
            let raised = step.min.map_or(x, |min| x.max(min));
            Some(step.max.map_or(raised, |max| raised.min(max)))
        }
        // Settings with labels behind another step are refused before they are stored.
        Step::Labels(_) => None,
    }
}

fn linear(x: f64, gain: f64, offset: f64) -> f64 {
    x.mul_add(gain, offset)
}

fn look_up(table: &Table, x: f64) -> Option<f64> {
    let points = table.points.as_slice();
    let reached = points.partition_point(|point| point.0 < x);
    match (points.get(..reached)?, points.get(reached..)?) {
        (_, [point, ..]) if point.0 == x => Some(point.1),
        ([.., a], [b, ..]) => Some(between(*a, *b, x)),
        ([], [nearest, next, ..]) | ([.., next, nearest], []) => match table.outside {
            Outside::Refuse => None,
            Outside::Clamp => Some(nearest.1),
            Outside::Extend => Some(line(*nearest, *next, x)),
        },
        // Settings with a table of fewer points are refused before they are stored.
        _ => None,
    }
}

/// Rounding must not carry it past either end.
fn between(a: (f64, f64), b: (f64, f64), x: f64) -> f64 {
    line(a, b, x).max(a.1.min(b.1)).min(a.1.max(b.1))
}

/// The line through both points, at `x`.
fn line(a: (f64, f64), b: (f64, f64), x: f64) -> f64 {
    ((x - a.0) / (b.0 - a.0)).mul_add(b.1 - a.1, a.1)
}
