//! The steps of a calibration, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Steps in the order in which they are taken; each gets what the one before it gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Steps(#[schemars(length(max = 16))] pub Vec<Step>);

/// One step, written as an object with its kind as the only key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Linear(Linear),
    Polynomial(Polynomial),
    Table(Table),
    Clamp(Clamp),
    /// Only as the first step: it makes a number of text or of a boolean.
    Labels(Labels),
}

/// `x × gain + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    #[serde(default = "one")]
    pub gain: f64,
    #[serde(default)]
    pub offset: f64,
}

/// `c₀ + c₁x + c₂x² + …`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    /// The constant first.
    #[schemars(length(min = 1, max = 16))]
    pub coefficients: Vec<f64>,
}

/// Straight lines from point to point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `[x, y]`, by strictly rising x.
    #[schemars(length(min = 2, max = 256))]
    pub points: Vec<(f64, f64)>,
    #[serde(default)]
    pub outside: Outside,
}

/// What becomes of a number before the first point of a table, or behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It has no value.
    #[default]
    Refuse,
    /// It has the value of the nearest point.
    Clamp,
    /// The line of the two nearest points goes on.
    Extend,
}

/// Not below `min`, not above `max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clamp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Numbers for texts; a boolean is the text `true` or `false`. A number is no label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    pub map: BTreeMap<String, f64>,
    /// For texts and booleans that the map does not name; absent: they have no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<f64>,
}

fn one() -> f64 {
    1.0
}

/// Reads each step by itself, so that what is wrong with its shape is said with its place.
impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Vec::<Value>::deserialize(deserializer)?;
        let read = written.into_iter().enumerate().map(|(index, step)| {
            read(step).map_err(|(place, problem)| {
                D::Error::custom(format!("steps.{index}{place}: {problem}"))
            })
        });
        read.collect::<Result<_, _>>().map(Self)
    }
}

/// # Errors
/// The place within the step, and what is wrong there.
fn read(step: Value) -> Result<Step, (String, String)> {
    check_objects(&step)?;
    check_points(&step)?;
    Step::deserialize(step).map_err(|error| (String::new(), error.to_string()))
}

/// Steps are objects; what serde reads of a struct may be a list too.
fn check_objects(step: &Value) -> Result<(), (String, String)> {
    let parts = step.as_object().into_iter().flatten();
    for (kind, part) in parts {
        if !part.is_object() {
            return Err((
                format!(".{kind}"),
                format!("expected an object, not {part}"),
            ));
        }
    }
    Ok(())
}

/// The place of the first point that is no pair of numbers: of up to 256 one has to be told which.
fn check_points(step: &Value) -> Result<(), (String, String)> {
    let points = step.pointer("/table/points").and_then(Value::as_array);
    for (index, point) in points.into_iter().flatten().enumerate() {
        <(f64, f64)>::deserialize(point)
            .map_err(|error| (format!(".table.points.{index}"), error.to_string()))?;
    }
    Ok(())
}
