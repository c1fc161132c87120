//! `rollcall doctor azure`: tries a namespace and tells what it found. Exit code 1 if a check
//! fails, 69 if the namespace cannot be reached.

use clap::Args;
use rollcall_azure::Step;
use uuid::Uuid;

use super::Context;
use super::doctor::conclude;
use crate::failure::Failure;
use crate::output::Format;
use crate::sending::{Destination, unreachable};
use crate::trial::Trial;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    destination: Destination,
    /// Also send three marked events to the partition, receive them, and steal by epoch
    #[arg(long, requires = "partition", requires = "consumer_group")]
    send: bool,
    /// Partition to send to; the events stay there until retention takes them
    #[arg(long, value_name = "ID")]
    partition: Option<String>,
    /// Consumer group to receive in: one that nobody reads, since stealing displaces its readers
    #[arg(long, value_name = "NAME")]
    consumer_group: Option<String>,
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

pub(crate) async fn doctor_azure(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let Context {
        global,
        environment,
        talk,
    } = context;
    let settings = arguments.destination.settings(global, environment)?;
    let mut source = settings.source;
    if let Some(consumer_group) = arguments.consumer_group {
        source.consumer_group = consumer_group;
    }
    let trial = Trial {
        source,
        credential: settings.azure.step.map_or("auto", Step::as_str),
        id: Uuid::new_v4(),
        partition_id: arguments.partition.filter(|_| arguments.send),
    };
    if let Some(partition_id) = &trial.partition_id {
        talk.say(&format!(
            "sending three events marked {} to partition {partition_id}; they cannot be deleted, \
             and a Rollcall that reads them makes dead letters of them",
            trial.id
        ));
    }
    let endpoint = trial.source.custom_endpoint.as_deref();
    let checks = trial.run().await;
    let checks = checks.map_err(|error| unreachable(&error, endpoint))?;
    conclude(&checks, arguments.output)
}
