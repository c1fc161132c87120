//! What holds for any calibration and any number.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Calibrated, Settings};

fn read(settings: Value) -> Settings {
    serde_json::from_value(settings).unwrap()
}

fn apply(settings: &Settings, number: f64) -> Calibrated {
    settings
        .owner_calibration()
        .apply(&json!(number).to_string())
}

fn moderate() -> impl Strategy<Value = f64> {
    -1e6..1e6_f64
}

/// Points by rising x.
fn points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    btree_map(-1_000_000..1_000_000_i32, moderate(), 2..20)
        .prop_map(|points| points.into_iter().map(|(x, y)| (f64::from(x), y)).collect())
}

/// JSON that often has the keys that steps have.
fn json_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "linear",
        "gain",
        "offset",
        "polynomial",
        "coefficients",
        "table",
        "points",
        "outside",
        "clamp",
        "min",
        "max",
        "labels",
        "map",
        "otherwise",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["extend", "clamp", "true", "\u{0}"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..3)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// A step whose shape is right and whose numbers are anything.
fn step() -> impl Strategy<Value = Value> {
    let number = || any::<f64>();
    prop_oneof![
        (number(), number()).prop_map(|(a, b)| json!({"linear": {"gain": a, "offset": b}})),
        vec(number(), 0..4).prop_map(|c| json!({"polynomial": {"coefficients": c}})),
        (
            vec((number(), number()), 0..4),
            prop::sample::select(vec!["refuse", "clamp", "extend"])
        )
            .prop_map(|(p, outside)| json!({"table": {"points": p, "outside": outside}})),
        (number(), number()).prop_map(|(a, b)| json!({"clamp": {"min": a, "max": b}})),
        number().prop_map(|a| json!({"labels": {"map": {"true": a}}})),
    ]
}

proptest! {
    #[test]
    fn a_linear_step_is_gain_and_offset(x in any::<f64>(), gain in moderate(), offset in moderate()) {
        let short = read(json!({"gain": gain, "offset": offset}));
        let steps = read(json!({"steps": [{"linear": {"gain": gain, "offset": offset}}]}));
        prop_assert_eq!(apply(&short, x), apply(&steps, x));
    }

    #[test]
    fn a_table_passes_through_its_points_and_stays_between_neighbours(
        points in points(), at in 0.0..1.0_f64,
    ) {
        let settings = read(json!({"steps": [{"table": {"points": points}}]}));
        prop_assert!(settings.faults().is_empty());
        for (x, y) in &points {
            prop_assert_eq!(apply(&settings, *x), Calibrated::Value(*y));
        }
        for pair in points.windows(2) {
            let x = pair[0].0 + at * (pair[1].0 - pair[0].0);
            let Calibrated::Value(y) = apply(&settings, x) else { panic!("no value at {x}") };
            prop_assert!(y >= pair[0].1.min(pair[1].1) && y <= pair[0].1.max(pair[1].1));
        }
    }

    #[test]
    fn a_clamp_bounds(x in any::<f64>(), a in moderate(), b in moderate()) {
        let (min, max) = (a.min(b), a.max(b));
        let settings = read(json!({"steps": [{"clamp": {"min": min, "max": max}}]}));
        if let Calibrated::Value(y) = apply(&settings, x) {
            prop_assert!((min..=max).contains(&y));
            prop_assert!(y == x || x < min || x > max);
        }
    }

    #[test]
    fn a_polynomial_is_its_sum(x in -100.0..100.0_f64, c in vec(-100.0..100.0_f64, 1..5)) {
        let settings = read(json!({"steps": [{"polynomial": {"coefficients": c}}]}));
        let Calibrated::Value(y) = apply(&settings, x) else { panic!("no value") };
        let terms: Vec<f64> = c.iter().zip(0..).map(|(c, power)| c * x.powi(power)).collect();
        let size: f64 = terms.iter().map(|term| term.abs()).sum();
        prop_assert!((y - terms.iter().sum::<f64>()).abs() <= size * 1e-14);
    }

    #[test]
    fn no_json_makes_it_panic(steps in json_value(), data in json_value()) {
        if let Ok(settings) = serde_json::from_value::<Settings>(json!({"steps": [steps]})) {
            prop_assert!(settings.faults().len() < 1000);
            let finite = match settings.owner_calibration().apply(&data.to_string()) {
                Calibrated::Value(y) => y.is_finite(),
                _ => true,
            };
            prop_assert!(finite);
        }
    }

    /// Also what should never have been stored.
    #[test]
    fn no_number_makes_it_panic_and_every_value_is_finite(
        steps in vec(step(), 0..5), data in json_value(), x in any::<f64>(),
    ) {
        // A number that JSON cannot hold has become null.
        if let Ok(settings) = serde_json::from_value::<Settings>(json!({"steps": steps})) {
            prop_assert!(settings.faults().len() < 1000);
            for data in [data.to_string(), json!(x).to_string()] {
                if let Calibrated::Value(y) = settings.owner_calibration().apply(&data) {
                    prop_assert!(y.is_finite());
                }
            }
        }
    }
}
