//! `rollcall events`: what was announced, how far it is at each sink, and sending it again.

use std::collections::HashSet;
use std::time::Duration;

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_model::Timestamp;
use rollcall_store::{DeliveryState, EventFilter, Order, OutboxRow, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::node_api::NodeApi;
use super::{Context, reading};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Between two looks for new events.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Events that one look takes.
const PAGE: u32 = 1_000;
/// Numbers are given before the commit, so that an event may appear behind later ones; after so long
/// its transaction is over.
const LATE_COMMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the last events, one a line, and with --follow those that come
    Tail(Tail),
    /// Show one event with its payload and its deliveries
    Show {
        id: Uuid,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Have a running node send events again, under the same ids
    Resend(Resend),
}

#[derive(Debug, Args)]
struct Tail {
    /// How many of the events that are there
    #[arg(short = 'n', long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    lines: u32,
    /// Wait for more
    #[arg(short, long)]
    follow: bool,
    /// Only those with a delivery in this state: pending, sent, parked
    #[arg(long, value_name = "STATE", conflicts_with = "follow")]
    state: Option<DeliveryState>,
    /// Only those with a delivery at this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// `json`: one object a line
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["ids", "parked"])))]
struct Resend {
    /// Ids of events
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    /// All that are parked
    #[arg(long)]
    parked: bool,
    /// To this sink only
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Count what is parked, and send nothing
    #[arg(long, requires = "parked")]
    dry_run: bool,
}

pub(crate) async fn events(context: Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Tail(tail) => {
            let (_, store) = reading::open(&context).await?;
            let filter = EventFilter {
                state: tail.state,
                sink: tail.sink.clone(),
                order: Order::NewestFirst,
            };
            print_tail(&store, &tail, filter).await
        }
        Action::Show { id, output } => {
            let (_, store) = reading::open(&context).await?;
            show(&store, id, output).await
        }
        Action::Resend(resend) => send_again(&context, resend).await,
    }
}

async fn print_tail(store: &Store, tail: &Tail, filter: EventFilter) -> Result<(), Failure> {
    let listed = store.list_events(&filter, tail.lines.max(1), None).await;
    let mut rows = listed.map_err(|error| reading::of_store(&error))?.items;
    let newest = rows.first().map(|row| row.created_at);
    rows.truncate(usize::try_from(tail.lines).unwrap_or(usize::MAX));
    for row in rows.iter().rev() {
        line(row, tail.output)?;
    }
    if !tail.follow {
        return Ok(());
    }
    let mut seen = Seen::default();
    // All that this finds was there before, but for what came since the list.
    let mut since = newest;
    loop {
        for row in seen.look(store, &filter).await? {
            if since.is_none_or(|newest| row.created_at > newest) {
                line(&row, tail.output)?;
            }
        }
        since = None;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The events of the last [`LATE_COMMIT`] that were seen.
#[derive(Default)]
struct Seen(HashSet<Uuid>);

impl Seen {
    /// What is new, oldest first.
    async fn look(
        &mut self,
        store: &Store,
        filter: &EventFilter,
    ) -> Result<Vec<OutboxRow>, Failure> {
        let (mut fresh, mut recent, mut cursor) = (Vec::new(), HashSet::new(), None);
        let mut horizon: Option<Timestamp> = None;
        loop {
            let listed = store.list_events(filter, PAGE, cursor.as_deref()).await;
            let page = listed.map_err(|error| reading::of_store(&error))?;
            let newest = page.items.first().map(|row| row.created_at);
            let horizon = *horizon
                .get_or_insert_with(|| newest.unwrap_or(Timestamp::EPOCH).minus(LATE_COMMIT));
            let is_old = page.items.last().is_none_or(|row| row.created_at < horizon);
            for row in page
                .items
                .into_iter()
                .filter(|row| row.created_at >= horizon)
            {
                recent.insert(row.event_id);
                if !self.0.contains(&row.event_id) {
                    fresh.push(row);
                }
            }
            cursor = page.next_cursor;
            if is_old || cursor.is_none() {
                break;
            }
        }
        self.0 = recent;
        fresh.reverse();
        Ok(fresh)
    }
}

fn line(row: &OutboxRow, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Json => serde_json::to_string(row).map_err(anyhow::Error::from)?,
        Format::Table => {
            let deliveries = row.deliveries.iter().map(|delivery| {
                let tries = match delivery.attempts {
                    0 => String::new(),
                    tries => format!(" after {tries} failed tries"),
                };
                format!("{} {}{tries}", delivery.sink, delivery.state.as_str())
            });
            let deliveries = deliveries.collect::<Vec<_>>().join(", ");
            let deliveries = match deliveries.as_str() {
                "" => "due at no sink",
                text => text,
            };
            format!(
                "{}  {}  {}  {}  {deliveries}",
                row.created_at, row.event_id, row.event_type, row.subject
            )
        }
    };
    output::text(&format!("{text}\n"))
}

async fn show(store: &Store, id: Uuid, format: Format) -> Result<(), Failure> {
    let found = store.event(id).await;
    let event = found.map_err(|error| reading::of_store(&error))?;
    let event = event.ok_or_else(|| anyhow::anyhow!("there is no event {id}"))?;
    match format {
        Format::Json => output::json(&event),
        Format::Table => {
            output::text(&deliveries(&event))?;
            output::text("\n")?;
            output::json(&event.payload)
        }
    }
}

fn deliveries(event: &OutboxRow) -> String {
    let rows = event.deliveries.iter().map(|delivery| {
        vec![
            delivery.sink.clone(),
            delivery.state.as_str().to_owned(),
            delivery.attempts.to_string(),
            output::or_dash(delivery.sent_at),
            output::or_dash(delivery.last_error.as_ref()),
        ]
    });
    let head = ["SINK", "STATE", "FAILED TRIES", "SENT AT", "LAST ERROR"];
    output::table(&head, rows)
}

async fn send_again(context: &Context, resend: Resend) -> Result<(), Failure> {
    let node = NodeApi::find(context).await?;
    if resend.parked {
        let body = json!({
            "action": "resend_parked",
            "sink": resend.sink,
            "dry_run": resend.dry_run,
        });
        let answer = node.post("events:bulk", Some(&body)).await?;
        return output::text(&told(&answer));
    }
    let query = match &resend.sink {
        Some(sink) => format!("?sink={}", utf8_percent_encode(sink, NON_ALPHANUMERIC)),
        None => String::new(),
    };
    for id in &resend.ids {
        node.post(&format!("events/{id}/resend{query}"), None)
            .await?;
        output::text(&format!("{id} is due again\n"))?;
    }
    Ok(())
}

fn told(answer: &Value) -> String {
    let count = answer["deliveries"].as_u64().unwrap_or_default();
    match answer["dry_run"].as_bool() {
        Some(true) => format!("{count} parked deliveries would be due again\n"),
        _ => format!("{count} parked deliveries are due again\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_so() {
        let answer = json!({"deliveries": 3, "dry_run": true});
        assert_eq!(told(&answer), "3 parked deliveries would be due again\n");
        let answer = json!({"deliveries": 3, "dry_run": false});
        assert_eq!(told(&answer), "3 parked deliveries are due again\n");
    }
}
