//! What is stored and shown.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Calibration, SettingsError, Steps};
use crate::SubOwnerId;

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
    /// In place of gain and offset, never beside them; empty: the number as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
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
    ///
    /// Steps and gain with offset are two forms of one thing: the form of the override counts, if
    /// it has one. So an override with steps leaves the owner's gain and offset aside, and one with
    /// a gain or an offset leaves the owner's steps aside.
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
