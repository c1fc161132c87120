//! The ledger: NDJSON of what was sent and what was acknowledged, one line per event, as the truth
//! that tests compare the hub and the tables with.
//!
//! Lines are written when an event's fate is known, so they are not in order of `seq`; events that
//! were planned but never sent are not in it. A body that is no UTF-8 stands in `body_base64`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::sending::{Outcome, Report};

pub(crate) struct Ledger {
    file: BufWriter<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    partition: &'a str,
    acked: Acked,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// `true`, `false` or `"unknown"`.
#[derive(Serialize)]
#[serde(untagged)]
enum Acked {
    Known(bool),
    Unknown(&'static str),
}

impl Ledger {
    /// # Errors
    /// If the file cannot be created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
        })
    }

    /// Writes the report's events; they reach the system, not only our buffer, so that a killed
    /// sender leaves a true ledger.
    pub(super) fn add(&mut self, report: &Report, partition: &str) -> io::Result<()> {
        for event in &report.events {
            let text = std::str::from_utf8(&event.body).ok();
            let line = Line {
                seq: event.number,
                partition,
                acked: match report.outcome {
                    Outcome::Acknowledged { .. } => Acked::Known(true),
                    Outcome::Refused(_) | Outcome::Unavailable(_) => Acked::Known(false),
                    Outcome::Unknown(_) => Acked::Unknown("unknown"),
                },
                body: text,
                body_base64: text.is_none().then(|| STANDARD.encode(&event.body)),
            };
            serde_json::to_writer(&mut self.file, &line)?;
            self.file.write_all(b"\n")?;
        }
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sending::Outgoing;

    #[test]
    fn every_event_is_a_line_with_its_fate() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.ndjson");
        let mut ledger = Ledger::create(&path).unwrap();
        let report = |number, body: &[u8], outcome| Report {
            partition: 1,
            events: vec![Outgoing {
                number,
                body: body.to_vec(),
            }],
            outcome,
        };
        let acknowledged = report(0, b"{}", Outcome::Acknowledged { doubts: 0 });
        ledger.add(&acknowledged, "1").unwrap();
        ledger
            .add(
                &report(1, b"\xff", Outcome::Refused("full".to_owned())),
                "1",
            )
            .unwrap();
        ledger
            .add(
                &report(2, b"x", Outcome::Unknown("silence".to_owned())),
                "1",
            )
            .unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        {"seq":0,"partition":"1","acked":true,"body":"{}"}
        {"seq":1,"partition":"1","acked":false,"body_base64":"/w=="}
        {"seq":2,"partition":"1","acked":"unknown","body":"x"}
        "#);
    }
}
