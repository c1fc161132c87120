//! `rollcall replay`: asks a running node to read a range of a partition once more, and tells how it
//! goes.
//!
//! The node does the work, so that the command may be ended at any time; the range is at worst asked
//! for again, and nothing is stored twice.

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, builder::NonEmptyStringValueParser};
use rollcall_model::Timestamp;
use serde_json::{Value, json};

use super::Context;
use super::node_api::NodeApi;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Between two looks at how the replay stands.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What is counted, and how it is called.
const COUNTS: [(&str, &str); 7] = [
    ("stored", "stored"),
    ("already_stored", "already stored"),
    ("held", "held already"),
    ("dead", "dead letters already"),
    ("undecodable", "not decodable"),
    ("pending", "of pending owners"),
    ("missing", "not in the hub"),
];

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["from_sequence", "from_time"])))]
pub(crate) struct Arguments {
    /// Which partition
    #[arg(long, value_name = "NUMBER")]
    partition: u32,
    /// The first event, by its sequence number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    from_sequence: Option<i64>,
    /// The first event, by the time at which it was enqueued, such as 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from_time: Option<Timestamp>,
    /// The last event, by number or time; otherwise the last one that the checkpoint has passed
    #[arg(long, value_name = "NUMBER|TIME", value_parser = point)]
    to: Option<Point>,
    /// Count what would be stored, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// By which the node reads, instead of `source.event_hubs.replay_consumer_group`
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    consumer_group: Option<String>,
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Number(i64),
    Time(Timestamp),
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn point(text: &str) -> Result<Point, String> {
    match text.parse() {
        Ok(number) => Ok(Point::Number(number)),
        Err(_) => time(text).map(Point::Time),
    }
}

pub(crate) async fn replay(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let node = NodeApi::find(&context).await?;
    let path = format!("partitions/{}/replay", arguments.partition);
    let mut progress = node.post(&path, Some(&body(&arguments))).await?;
    while progress["state"] == "running" {
        tokio::time::sleep(LOOK_EVERY).await;
        progress = node.get(&path).await?;
    }
    match arguments.output {
        Format::Json => output::json(&progress)?,
        Format::Table => output::text(&table(&progress))?,
    }
    match progress["fault"].as_str() {
        None => Ok(()),
        Some(fault) => Err(Failure::Failed(anyhow!("the replay failed: {fault}"))),
    }
}

fn body(arguments: &Arguments) -> Value {
    let (to_number, to_time) = match arguments.to {
        Some(Point::Number(number)) => (Some(number), None),
        Some(Point::Time(at)) => (None, Some(at)),
        None => (None, None),
    };
    json!({
        "from_sequence_number": arguments.from_sequence,
        "from_time": arguments.from_time,
        "to_sequence_number": to_number,
        "to_time": to_time,
        "dry_run": arguments.dry_run,
        "consumer_group": arguments.consumer_group,
    })
}

fn table(progress: &Value) -> String {
    let number = |name: &str| progress[name].as_u64().unwrap_or_default();
    let mut rows: Vec<_> = COUNTS
        .iter()
        .map(|(field, shown)| vec![told(shown, progress), number(field).to_string()])
        .collect();
    for (reason, count) in progress["dropped"].as_object().into_iter().flatten() {
        rows.push(vec![format!("dropped: {reason}"), count.to_string()]);
    }
    output::table(&["EVENTS", "COUNT"], rows)
}

/// A dry run stores nothing.
fn told(shown: &str, progress: &Value) -> String {
    match shown {
        "stored" if progress["dry_run"] == true => "would be stored".to_owned(),
        _ => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_number_or_a_time() {
        assert_eq!(point("12"), Ok(Point::Number(12)));
        let at = Timestamp::parse("2026-11-23T10:00:00Z").unwrap();
        assert_eq!(point("2026-11-23T10:00:00Z"), Ok(Point::Time(at)));
        assert!(point("tomorrow").unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn the_table_tells_what_a_dry_run_would_do() {
        let mut progress = json!({"stored": 3, "already_stored": 7, "dropped": {"expired": 2}});
        assert!(
            table(&progress).contains("stored                3"),
            "{}",
            table(&progress)
        );
        progress["dry_run"] = json!(true);
        assert!(
            table(&progress).contains("would be stored       3"),
            "{}",
            table(&progress)
        );
        assert!(
            table(&progress).contains("dropped: expired      2"),
            "{}",
            table(&progress)
        );
    }
}
