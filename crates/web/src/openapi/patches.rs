//! The shapes of merge patches (RFC 7396), which serde takes as any JSON: like the settings, but null
//! takes a part away, and so does null in place of an override.

use std::collections::BTreeMap;

use rollcall_model::{CalibrationOverride, SubOwnerId};
use schemars::JsonSchema;

/// Of an owner.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is asked for")]
pub(crate) struct SettingsPatch {
    #[serde(flatten)]
    calibration: CalibrationOverride,
    #[serde(default)]
    sub_owners: Option<BTreeMap<SubOwnerId, Option<CalibrationPatch>>>,
}

/// Of one sub-owner, or of the part that goes for all.
pub(crate) type CalibrationPatch = CalibrationOverride;
