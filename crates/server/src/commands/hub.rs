//! `rollcall hub`: the embedded hub alone, and its log as NDJSON.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use rollcall_hub::{DEVELOPMENT_CONNECTION_STRING, DumpedEvent, Hub};
use rollcall_model::{SystemClock, Timestamp};
use serde::Serialize;

use super::Context;
use crate::failure::Failure;
use crate::node::failures;
use crate::output;
use crate::settings::{FlagValue, Settings, endpoint_of, load};
use crate::shutdown::Shutdown;
use crate::telemetry::Talk;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the log as NDJSON, also beside a running hub
    Dump,
}

/// An event of the log. A body that is no UTF-8 stands in `body_base64`.
#[derive(Serialize)]
struct Line<'a> {
    partition_id: u32,
    sequence_number: u64,
    offset: u64,
    enqueued_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

pub(crate) async fn hub(context: Context, arguments: Arguments) -> Result<(), Failure> {
    // The hub's own settings count here, wherever the node's source is.
    let embedded = FlagValue {
        flag: "rollcall hub",
        key: "source.kind".to_owned(),
        value: "embedded".to_owned(),
    };
    let settings = load(
        context
            .global
            .clone()
            .inputs(context.environment.clone(), vec![embedded]),
    )?;
    match arguments.action {
        None => serve(&context, &settings).await,
        Some(Action::Dump) => {
            let dir = settings.hub.dir;
            let dumped = tokio::task::spawn_blocking(move || dump(&dir, &context.talk)).await;
            dumped.map_err(anyhow::Error::from)?
        }
    }
}

async fn serve(context: &Context, settings: &Settings) -> Result<(), Failure> {
    let mut shutdown = Shutdown::listen()?;
    let started = Hub::start(settings.hub.clone(), Arc::new(SystemClock)).await;
    let hub = started.map_err(|error| failures::of_hub(&error))?;
    let endpoint = endpoint_of(hub.address());
    let event_hub = &settings.hub.event_hub;
    output::text(&format!(
        "endpoint           {endpoint}\nevent hub          {event_hub}\n\
         connection string  {}\n",
        connection_string(hub.address().port())
    ))?;
    context.talk.say("the hub takes events; Ctrl-C stops it");
    shutdown.asked().await;
    let stopping = async {
        hub.stop().await;
        Ok(())
    };
    shutdown.or_insisted(stopping).await
}

/// The emulator's connection string, with the port if it is not AMQP's own.
fn connection_string(port: u16) -> String {
    match port {
        5_672 => DEVELOPMENT_CONNECTION_STRING.to_owned(),
        port => DEVELOPMENT_CONNECTION_STRING
            .replace("sb://localhost", &format!("sb://localhost:{port}")),
    }
}

/// Prints all that can be read; fails in the end where something could not.
fn dump(dir: &Path, talk: &Talk) -> Result<(), Failure> {
    let events = rollcall_hub::dump(dir).map_err(|error| failures::of_hub(&error))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut damaged = None;
    for event in events {
        match event {
            Ok(event) => {
                serde_json::to_writer(&mut out, &line(&event)).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Err(error) => {
                if let Some(earlier) = damaged.replace(error) {
                    talk.say(&earlier.to_string());
                }
            }
        }
    }
    out.flush()?;
    damaged.map_or(Ok(()), |error| Err(failures::of_hub(&error)))
}

fn line(event: &DumpedEvent) -> Line<'_> {
    let text = std::str::from_utf8(&event.body).ok();
    Line {
        partition_id: event.partition_id,
        sequence_number: event.sequence_number,
        offset: event.offset,
        enqueued_at: event.enqueued_at,
        partition_key: event.partition_key.as_deref(),
        body: text,
        body_base64: text.is_none().then(|| STANDARD.encode(&event.body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_string_is_the_emulators_unless_the_port_differs() {
        assert_eq!(connection_string(5_672), DEVELOPMENT_CONNECTION_STRING);
        assert!(connection_string(6_000).starts_with("Endpoint=sb://localhost:6000;"));
    }
}
