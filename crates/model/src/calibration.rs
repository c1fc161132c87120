//! How a number is made of an owner's raw data.
//!
//! `value = number at pointer × gain + offset`. A sub-owner may override each part. Where nothing
//! is set, the number is `data` itself, taken as it is.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{JsonPointer, SubOwnerId};

/// An owner's settings as they are stored and shown. Absent parts mean the default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(flatten)]
    pub calibration: CalibrationOverride,
    /// Parts that differ for single sub-owners.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "objects"
    )]
    pub sub_owners: BTreeMap<SubOwnerId, CalibrationOverride>,
}

/// The parts of a calibration, each optional.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationOverride {
    /// JSON Pointer to the number within `data`; empty: `data` itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(/([^~/]|~[01])*)*$"))]
    pub pointer: Option<String>,
    /// Factor, finite; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Summand in the unit of the result, finite; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The unit of the result, at most 64 characters; for people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub unit: Option<String>,
}

/// Overrides are objects; what serde reads of a struct may be a list too.
fn objects<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<SubOwnerId, CalibrationOverride>, D::Error> {
    let parts = BTreeMap::<SubOwnerId, Object>::deserialize(deserializer)?;
    Ok(parts
        .into_iter()
        .map(|(id, Object(part))| (id, part))
        .collect())
}

struct Object(CalibrationOverride);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object, A::Error> {
                let parts = MapAccessDeserializer::new(map);
                CalibrationOverride::deserialize(parts).map(Object)
            }
        }
        deserializer.deserialize_map(Parts)
    }
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// The JSON path of the field, such as `sub_owners.7.gain`.
    pub field: String,
    pub problem: String,
}

const MAX_UNIT_CHARACTERS: usize = 64;

impl Settings {
    /// Every fault, so that the sender can mend all at once.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingsError> {
        let mut faults = Vec::new();
        self.calibration.faults("", &mut faults);
        for (sub_owner_id, part) in &self.sub_owners {
            part.faults(&format!("sub_owners.{sub_owner_id}."), &mut faults);
        }
        faults
    }

    /// The calibration of one sub-owner: its override, else the owner's part, else the default.
    #[must_use]
    pub fn calibration_of(&self, sub_owner_id: &SubOwnerId) -> Calibration {
        match self.sub_owners.get(sub_owner_id) {
            Some(part) => Calibration::of(&[part, &self.calibration]),
            None => self.owner_calibration(),
        }
    }

    /// The calibration of every sub-owner without an override.
    #[must_use]
    pub fn owner_calibration(&self) -> Calibration {
        Calibration::of(&[&self.calibration])
    }
}

impl CalibrationOverride {
    fn faults(&self, path: &str, faults: &mut Vec<SettingsError>) {
        let mut fault = |field: &str, problem: String| {
            faults.push(SettingsError {
                field: format!("{path}{field}"),
                problem,
            });
        };
        if let Some(Err(error)) = self.pointer.as_deref().map(JsonPointer::parse) {
            fault("pointer", error.to_string());
        }
        for (field, number) in [("gain", self.gain), ("offset", self.offset)] {
            if number.is_some_and(|number| !number.is_finite()) {
                fault(field, "must be a finite number".to_owned());
            }
        }
        if self
            .unit
            .as_ref()
            .is_some_and(|unit| unit.chars().count() > MAX_UNIT_CHARACTERS)
        {
            fault(
                "unit",
                format!("has more than {MAX_UNIT_CHARACTERS} characters"),
            );
        }
    }
}

/// A calibration ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    pointer: JsonPointer,
    gain: f64,
    offset: f64,
}

/// What calibration made of one datum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Calibrated {
    Value(f64),
    /// There is no number at the pointer, or the result is not finite: the raw text is kept, the
    /// value is null.
    Nothing,
    /// The number itself does not fit a 64-bit float: no database could hold it.
    OutOfRange,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            pointer: JsonPointer::default(),
            gain: 1.0,
            offset: 0.0,
        }
    }
}

impl Calibration {
    fn of(parts: &[&CalibrationOverride]) -> Self {
        let pointer = parts
            .iter()
            .find_map(|part| part.pointer.as_deref())
            .unwrap_or("");
        Self {
            // Settings with a faulty pointer are refused before they are stored.
            pointer: JsonPointer::parse(pointer).unwrap_or_default(),
            gain: parts.iter().find_map(|part| part.gain).unwrap_or(1.0),
            offset: parts.iter().find_map(|part| part.offset).unwrap_or(0.0),
        }
    }

    /// Calibrates the raw JSON text of `data`.
    #[must_use]
    pub fn apply(&self, data: &str) -> Calibrated {
        let Some(raw) = self.pointer.find(data) else {
            return Calibrated::Nothing;
        };
        if !raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Calibrated::Nothing;
        }
        match raw.parse::<f64>() {
            Ok(number) if number.is_finite() => self.scale(number),
            Ok(_) => Calibrated::OutOfRange,
            Err(_) => Calibrated::Nothing,
        }
    }

    fn scale(&self, number: f64) -> Calibrated {
        let value = number.mul_add(self.gain, self.offset);
        if value.is_finite() {
            Calibrated::Value(value)
        } else {
            Calibrated::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    fn apply(settings: &Settings, sub_owner_id: &str, data: &str) -> Calibrated {
        settings
            .calibration_of(&SubOwnerId::parse(sub_owner_id).unwrap())
            .apply(data)
    }

    #[test]
    fn without_settings_a_number_is_its_own_value() {
        assert_eq!(
            apply(&Settings::default(), "2", "-1.5e2"),
            Calibrated::Value(-150.0)
        );
        assert_eq!(
            apply(&Settings::default(), "2", "{\"a\":1}"),
            Calibrated::Nothing
        );
        assert_eq!(
            apply(&Settings::default(), "2", "\"7\""),
            Calibrated::Nothing
        );
        assert_eq!(
            apply(&Settings::default(), "2", "null"),
            Calibrated::Nothing
        );
    }

    #[test]
    fn a_sub_owner_overrides_single_parts() {
        let settings = settings(
            r#"{"pointer":"/v","gain":2,"offset":1,"sub_owners":{"b":{"gain":10,"unit":"kW"}}}"#,
        );
        assert_eq!(apply(&settings, "a", r#"{"v":3}"#), Calibrated::Value(7.0));
        assert_eq!(apply(&settings, "b", r#"{"v":3}"#), Calibrated::Value(31.0));
    }

    #[test]
    fn what_no_float_can_hold_is_told_apart_from_what_the_gain_made_of_it() {
        assert_eq!(
            apply(&Settings::default(), "a", "1e999"),
            Calibrated::OutOfRange
        );
        assert_eq!(
            apply(&settings(r#"{"gain":1e308}"#), "a", "1e10"),
            Calibrated::Nothing
        );
    }

    #[test]
    fn all_faults_are_named_with_their_path() {
        let settings = settings(r#"{"pointer":"v","sub_owners":{"b":{"pointer":"/~"}}}"#);
        let fields: Vec<_> = settings
            .faults()
            .into_iter()
            .map(|fault| fault.field)
            .collect();
        assert_eq!(fields, ["pointer", "sub_owners.b.pointer"]);
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"gian":2}"#).is_err());
    }
}
