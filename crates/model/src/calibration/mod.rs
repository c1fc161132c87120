//! How a number is made of an owner's raw data.
//!
//! `pointer` says where in `data` it stands. What is made of it then has two forms: the short one,
//! `gain` and `offset`, which is a single linear step, `value = number × gain + offset`; or `steps`,
//! in order ([`Step`]). A sub-owner may override each part. Where nothing is set, the number is
//! `data` itself, taken as it is.
//!
//! - [`Settings`] are what is stored and shown, and know their own faults (`faults`).
//! - [`Calibration`] is made of them once per version of the owner and applied to every status:
//!   without an allocation, unless a label is written with escapes.

mod applied;
mod explained;
mod faults;
#[cfg(test)]
mod properties;
mod settings;
mod steps;
#[cfg(test)]
mod tests;

pub use applied::{Calibrated, Calibration};
pub use explained::Absence;
pub use faults::SettingsError;
pub use settings::{CalibrationOverride, Settings};
pub use steps::{Clamp, Labels, Linear, Outside, Polynomial, Step, Steps, Table};
