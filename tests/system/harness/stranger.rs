//! Somebody else's program that reads with our consumer group: the official client, under an owner
//! level beyond every epoch.

use azure_messaging_eventhubs::{EventReceiver, OpenReceiverOptions};
use futures::StreamExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::sender::hub_at;

/// Epochs are seconds since 1970.
const OWNER_LEVEL: i64 = 1 << 40;

pub(crate) struct Stranger {
    leave: oneshot::Sender<()>,
    reading: JoinHandle<()>,
}

impl Stranger {
    /// Takes a partition of a hub on this machine from whoever reads it.
    pub(crate) async fn displacing(port: u16, partition: u32) -> Self {
        let config = hub_at(port);
        let opening = rollcall_source::client::open_consumer(&config);
        let client = Box::pin(opening).await.unwrap();
        let options = OpenReceiverOptions {
            owner_level: Some(OWNER_LEVEL),
            ..OpenReceiverOptions::default()
        };
        let opening = client.open_receiver_on_partition(partition.to_string(), Some(options));
        let receiver = Box::pin(opening).await.unwrap();
        let (leave, left) = oneshot::channel();
        let reading = tokio::spawn(Box::pin(async move {
            tokio::select! {
                () = read(&receiver) => panic!("the stranger lost the partition"),
                asked = left => asked.unwrap(),
            }
            Box::pin(receiver.close()).await.unwrap();
            Box::pin(client.close()).await.unwrap();
        }));
        Self { leave, reading }
    }

    pub(crate) async fn leaves(self) {
        self.leave.send(()).unwrap();
        self.reading.await.unwrap();
    }
}

/// The client attaches a receiver only when it is asked for events.
async fn read(receiver: &EventReceiver) {
    let mut events = receiver.stream_events();
    while let Some(Ok(_)) = events.next().await {}
}
