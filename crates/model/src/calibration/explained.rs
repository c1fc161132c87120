//! Why a datum has no value: for people who look at a calibration, not for every status.

use super::applied::{Form, number, take};
use super::{Calibrated, Calibration, Step};

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Absence {
    #[error("there is nothing at the pointer")]
    NothingThere,
    #[error("what is at the pointer is no number")]
    NoNumber,
    #[error("the number does not fit a 64-bit float")]
    OutOfRange,
    #[error("gain and offset make no finite number of it")]
    NotFinite,
    /// By its place in the list.
    #[error("steps.{0} has no value for it")]
    Step(usize),
}

impl Calibration {
    /// Calibrates the raw JSON text of `data`, as [`Calibration::apply`] does.
    ///
    /// # Errors
    /// Why there is no value.
    pub fn explain(&self, data: &str) -> Result<f64, Absence> {
        match self.apply(data) {
            Calibrated::Value(value) => Ok(value),
            Calibrated::OutOfRange => Err(Absence::OutOfRange),
            Calibrated::Nothing => Err(self.absence(data)),
        }
    }

    fn absence(&self, data: &str) -> Absence {
        let Some(raw) = self.pointer.find(data) else {
            return Absence::NothingThere;
        };
        match &self.form {
            Form::Steps(steps) => stopped(steps, raw),
            Form::Linear { .. } if number(raw) == Calibrated::Nothing => Absence::NoNumber,
            Form::Linear { .. } => Absence::NotFinite,
        }
    }
}

/// The first step that has no value.
fn stopped(steps: &[Step], raw: &str) -> Absence {
    let labelled = matches!(steps, [Step::Labels(_), ..]);
    let mut taken = usize::from(labelled)..steps.len();
    let fails = |taken: &usize| {
        let steps = steps.get(..*taken).unwrap_or_default();
        take(steps, raw) == Calibrated::Nothing
    };
    match taken.find(fails).unwrap_or(steps.len()) {
        0 => Absence::NoNumber,
        taken => Absence::Step(taken - 1),
    }
}
