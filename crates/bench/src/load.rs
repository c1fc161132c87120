//! The events of a run: owners and sub-owners in turn, spread over the partitions.

use azure_messaging_eventhubs::EventDataBatchOptions;
use rollcall_source::client;

use crate::Arguments;

/// The body of event `number`, about 100 bytes.
pub(crate) fn body(arguments: &Arguments, number: u64) -> String {
    let owner = number % arguments.owners;
    let sub_owner = number / arguments.owners % arguments.sub_owners;
    let tenths = number % 10_000;
    format!(
        r#"{{"dataOwnerId":"owner-{owner}","dataOwnerSubId":"meter-{sub_owner}","data":{}.{}}}"#,
        tenths / 10,
        tenths % 10
    )
}

/// How many events the partition has.
pub(crate) fn share(arguments: &Arguments, partition: u32) -> u64 {
    let partitions = u64::from(arguments.partitions);
    arguments.events / partitions + u64::from(u64::from(partition) < arguments.events % partitions)
}

/// Sends all events, in batches to each partition.
pub(crate) async fn fill(
    arguments: &Arguments,
    source: &rollcall_source::Config,
) -> anyhow::Result<()> {
    let producer = client::open_producer(source).await?;
    let mut number = 0;
    for partition in 0..arguments.partitions {
        let mut left = share(arguments, partition);
        while left > 0 {
            let partition_id = Some(partition.to_string());
            let options = EventDataBatchOptions {
                partition_id,
                ..Default::default()
            };
            let batch = producer.create_batch(Some(options)).await?;
            while left > 0 && batch.try_add_event_data(body(arguments, number), None)? {
                number += 1;
                left -= 1;
            }
            producer.send_batch(batch, None).await?;
        }
    }
    producer.close().await?;
    Ok(())
}
