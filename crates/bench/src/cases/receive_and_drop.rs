//! The limit: the official client receives every event and drops it.

use std::sync::Arc;

use anyhow::Context;
use azure_messaging_eventhubs::{
    ConsumerClient, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::StreamExt;
use futures::future::try_join_all;
use rollcall_source::client;

use super::{Bench, Case, measure as measured};
use crate::hub_process::HubProcess;
use crate::load::share;
use crate::report::Measured;

pub(crate) async fn measure(
    bench: &Bench,
    hub: &HubProcess,
    settlement: &'static str,
) -> anyhow::Result<Measured> {
    let source = hub.source(&bench.arguments);
    let mut clients: Vec<Arc<ConsumerClient>> = Vec::new();
    for _ in (0..bench.arguments.partitions).step_by(source.partitions_per_connection as usize) {
        clients.push(Arc::new(client::open_consumer(&source).await?));
    }
    let receive_all = async {
        let receiving = (0..bench.arguments.partitions).map(|partition| {
            let client = clients.get((partition / source.partitions_per_connection) as usize);
            let client = client.cloned();
            let (prefetch, events) = (bench.arguments.prefetch, share(&bench.arguments, partition));
            let receive = async move {
                receive(
                    &*client.context("no connection")?,
                    partition,
                    prefetch,
                    events,
                )
                .await
            };
            bench.io.spawn(Box::pin(receive))
        });
        for received in try_join_all(receiving).await? {
            received?;
        }
        Ok(())
    };
    let case = Case {
        name: "receive and drop",
        database: None,
        hub: Some((hub, settlement)),
    };
    let result = measured(bench, case, receive_all).await;
    for client in clients {
        if let Some(client) = Arc::into_inner(client) {
            client.close().await?;
        }
    }
    result
}

async fn receive(
    client: &ConsumerClient,
    partition: u32,
    prefetch: u32,
    events: u64,
) -> anyhow::Result<()> {
    let start_position = StartPosition {
        location: StartLocation::Earliest,
        inclusive: false,
    };
    let options = OpenReceiverOptions {
        owner_level: None,
        prefetch: Some(prefetch),
        start_position: Some(start_position),
        receive_timeout: None,
    };
    let receiver = client
        .open_receiver_on_partition(partition.to_string(), Some(options))
        .await?;
    {
        let mut stream = receiver.stream_events();
        for _ in 0..events {
            stream.next().await.context("the stream ended")??;
        }
    }
    receiver.close().await?;
    Ok(())
}
