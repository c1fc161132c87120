use super::*;
use crate::SubOwnerId;

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

/// What the steps make of the datum, by an owner without anything else.
fn through(steps: &str, data: &str) -> Calibrated {
    let settings = settings(&format!(r#"{{"steps":{steps}}}"#));
    assert_eq!(settings.faults(), []);
    apply(&settings, "a", data)
}

fn faults(json: &str) -> Vec<String> {
    let faults = settings(json).faults();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn steps_are_taken_in_order() {
    let steps = r#"[{"linear":{"gain":2,"offset":1}},{"polynomial":{"coefficients":[1,0,2]}},{"clamp":{"max":90}}]"#;
    assert_eq!(through(steps, "2"), Calibrated::Value(51.0));
    assert_eq!(through(steps, "3"), Calibrated::Value(90.0));
    assert_eq!(through("[]", "3"), Calibrated::Value(3.0));
    assert_eq!(through(steps, "\"2\""), Calibrated::Nothing);
    assert_eq!(through(steps, "1e999"), Calibrated::OutOfRange);
}

#[test]
fn a_table_draws_lines_and_says_what_lies_outside() {
    let table = |outside: &str, data: &str| {
        let steps =
            format!(r#"[{{"table":{{"points":[[0,10],[10,20],[20,0]],"outside":"{outside}"}}}}]"#);
        through(&steps, data)
    };
    for (data, value) in [
        ("0", 10.0),
        ("5", 15.0),
        ("10", 20.0),
        ("15", 10.0),
        ("20", 0.0),
    ] {
        assert_eq!(table("refuse", data), Calibrated::Value(value), "{data}");
    }
    for (outside, below, above) in [("clamp", 10.0, 0.0), ("extend", 9.0, -2.0)] {
        assert_eq!(table(outside, "-1"), Calibrated::Value(below));
        assert_eq!(table(outside, "21"), Calibrated::Value(above));
    }
    assert_eq!(table("refuse", "-1"), Calibrated::Nothing);
    assert_eq!(
        through(r#"[{"table":{"points":[[0,10],[10,20]]}}]"#, "11"),
        Calibrated::Nothing
    );
}

#[test]
fn labels_make_numbers_of_text_and_of_booleans() {
    let steps = r#"[{"labels":{"map":{"open":1,"a\"b":7,"true":5}}},{"linear":{"gain":10}}]"#;
    assert_eq!(through(steps, r#""open""#), Calibrated::Value(10.0));
    assert_eq!(through(steps, r#""a\"b""#), Calibrated::Value(70.0));
    assert_eq!(through(steps, r#""\u006fpen""#), Calibrated::Value(10.0));
    assert_eq!(through(steps, "true"), Calibrated::Value(50.0));
    for unnamed in [r#""shut""#, "false", "null", "7", "{}", "[]"] {
        assert_eq!(through(steps, unnamed), Calibrated::Nothing, "{unnamed}");
    }
    let otherwise = r#"[{"labels":{"map":{"open":1},"otherwise":-1}}]"#;
    assert_eq!(through(otherwise, r#""shut""#), Calibrated::Value(-1.0));
    assert_eq!(through(otherwise, "null"), Calibrated::Nothing);
    let null = r#"[{"labels":{"map":{"open":1},"otherwise":null}}]"#;
    assert_eq!(through(null, r#""shut""#), Calibrated::Nothing);
}

#[test]
fn a_result_that_is_not_finite_is_no_value_even_before_a_clamp() {
    let steps = r#"[{"linear":{"gain":1e308}},{"clamp":{"max":1}}]"#;
    assert_eq!(through(steps, "10"), Calibrated::Nothing);
}

#[test]
fn the_form_of_an_override_decides() {
    let settings = settings(
        r#"{"steps":[{"linear":{"gain":2}}],"sub_owners":{
            "gain":{"gain":5},"none":{"steps":[]},"unit":{"unit":"kW"}}}"#,
    );
    assert_eq!(apply(&settings, "a", "3"), Calibrated::Value(6.0));
    assert_eq!(apply(&settings, "unit", "3"), Calibrated::Value(6.0));
    assert_eq!(apply(&settings, "gain", "3"), Calibrated::Value(15.0));
    assert_eq!(apply(&settings, "none", "3"), Calibrated::Value(3.0));
    let short = self::settings(r#"{"gain":2,"offset":1,"sub_owners":{"s":{"steps":[]}}}"#);
    assert_eq!(apply(&short, "s", "3"), Calibrated::Value(3.0));
}

#[test]
fn every_fault_of_steps_is_named_with_its_path() {
    let faulty = r#"{"gain":2,"steps":[
        {"clamp":{}},
        {"labels":{"map":{}}},
        {"table":{"points":[[0,1],[0,2],[1e308,0],[-1e308,0]]}},
        {"table":{"points":[[-1e308,0],[1e308,0]]}},
        {"table":{"points":[]}},
        {"polynomial":{"coefficients":[]}},
        {"clamp":{"min":2,"max":1}}
    ],"sub_owners":{"b":{"offset":1,"steps":[]}}}"#;
    assert_eq!(
        faults(faulty),
        [
            "gain",
            "steps.0.clamp",
            "steps.1.labels",
            "steps.1.labels.map",
            "steps.2.table.points.1",
            "steps.2.table.points.3",
            "steps.3.table.points.1",
            "steps.4.table.points",
            "steps.5.polynomial.coefficients",
            "steps.6.clamp",
            "sub_owners.b.offset",
        ]
    );
}

#[test]
fn there_are_bounds() {
    let steps = |count| {
        format!(
            r#"{{"steps":[{}]}}"#,
            vec![r#"{"linear":{}}"#; count].join(",")
        )
    };
    assert_eq!(faults(&steps(16)), [""; 0]);
    assert_eq!(faults(&steps(17)), ["steps"]);
    let points: Vec<_> = (0..257).map(|x| format!("[{x},1]")).collect();
    let table = format!(
        r#"{{"steps":[{{"table":{{"points":[{}]}}}}]}}"#,
        points.join(",")
    );
    assert_eq!(faults(&table), ["steps.0.table.points"]);
    let long = "x".repeat(129);
    let label = format!(r#"{{"steps":[{{"labels":{{"map":{{"{long}":1}}}}}}]}}"#);
    assert_eq!(faults(&label), [format!("steps.0.labels.map.{long}")]);
}

#[test]
fn what_has_the_wrong_shape_is_refused_with_its_place() {
    for (steps, place) in [
        (
            r#"[{"linear":{}},{"lineal":{}}]"#,
            "steps.1: unknown variant `lineal`",
        ),
        (
            r#"[{"linear":{"gian":2}}]"#,
            "steps.0: unknown field `gian`",
        ),
        (r#"[{"linear":{},"clamp":{"min":1}}]"#, "steps.0: "),
        (
            r#"[{"table":{"points":[[0,1],[2]]}}]"#,
            "steps.0.table.points.1: ",
        ),
        (
            r#"[{"table":{"points":[[0,1],[2,"x"]]}}]"#,
            "steps.0.table.points.1: ",
        ),
        (r#"[{"labels":{"map":{"a":null}}}]"#, "steps.0: "),
        (
            r#"[{"linear":[2,1]}]"#,
            "steps.0.linear: expected an object",
        ),
        (r#"[{},[]]"#, "steps.0: "),
        (r#"["linear"]"#, "steps.0: "),
    ] {
        let error =
            serde_json::from_str::<Settings>(&format!(r#"{{"steps":{steps}}}"#)).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn steps_are_shown_as_they_were_written() {
    let written = r#"{"pointer":"/v","steps":[{"labels":{"map":{"open":1.0}}},{"table":{"points":[[0.0,1.0],[1.0,3.0]],"outside":"clamp"}},{"clamp":{"min":0.5}}]}"#;
    assert_eq!(serde_json::to_string(&settings(written)).unwrap(), written);
}

#[test]
fn where_there_is_no_value_it_is_said_why() {
    let explain = |json: &str, data: &str| settings(json).owner_calibration().explain(data);
    let steps = r#"{"pointer":"/v","steps":[{"linear":{}},{"table":{"points":[[0,0],[1,1]]}},{"clamp":{"max":1}}]}"#;
    let labels = r#"{"steps":[{"labels":{"map":{"open":1}}},{"linear":{"gain":2}}]}"#;
    assert_eq!(explain(steps, r#"{"v":1}"#), Ok(1.0));
    assert_eq!(explain(labels, r#""open""#), Ok(2.0));
    for (json, data, why) in [
        (steps, "{}", Absence::NothingThere),
        (steps, r#"{"v":"x"}"#, Absence::NoNumber),
        (steps, r#"{"v":1e999}"#, Absence::OutOfRange),
        (steps, r#"{"v":2}"#, Absence::Step(1)),
        (labels, r#""shut""#, Absence::Step(0)),
        (r#"{"steps":[]}"#, "null", Absence::NoNumber),
        (r#"{"gain":1e308}"#, "10", Absence::NotFinite),
        ("{}", "true", Absence::NoNumber),
    ] {
        assert_eq!(explain(json, data), Err(why), "{json} of {data}");
    }
}
