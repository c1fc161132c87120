//! Finds the partitions and spreads groups over the lanes.

use std::sync::Arc;

use azure_messaging_eventhubs::ProducerClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::lane::{Lane, Patience};
use super::standing::Standing;
use super::{Group, Report};

/// Connections at most: a lane beyond the cores brings little, a connection costs.
const MAX_LANES: usize = 8;
/// Groups that wait in a lane beside the one that is sent.
const LANE_CAPACITY: usize = 4;
/// Reports that wait for the tally.
const REPORT_CAPACITY: usize = 64;

/// The way into the hub. Dropping it and the reports' receiver ends the lanes.
pub(crate) struct Dispatcher {
    partition_ids: Arc<Vec<String>>,
    lanes: Vec<mpsc::Sender<Group>>,
    standing: Arc<Standing>,
    tasks: JoinSet<()>,
}

impl Dispatcher {
    /// Connects, and returns the way in and the reports of what became of the events.
    ///
    /// # Errors
    /// If the hub cannot be reached or does not tell its partitions.
    pub(crate) async fn start(
        source: rollcall_source::Config,
        patience: Patience,
    ) -> Result<(Self, mpsc::Receiver<Report>), rollcall_source::Error> {
        let client = Box::pin(rollcall_source::client::open_producer(&source)).await?;
        let partition_ids = Arc::new(partition_ids(&client, &source).await?);
        let source = Arc::new(source);
        let standing = Arc::new(Standing::new());
        let (reports, received) = mpsc::channel(REPORT_CAPACITY);
        let mut tasks = JoinSet::new();
        let mut first = Some(client);
        let lanes = (0..partition_ids.len().min(MAX_LANES)).map(|_| {
            let (groups, queue) = mpsc::channel(LANE_CAPACITY);
            let lane = Lane {
                source: Arc::clone(&source),
                partition_ids: Arc::clone(&partition_ids),
                patience,
                standing: Arc::clone(&standing),
                groups: queue,
                reports: reports.clone(),
                client: first.take(),
            };
            tasks.spawn(lane.run());
            groups
        });
        let lanes = lanes.collect();
        Ok((
            Self {
                partition_ids,
                lanes,
                standing,
                tasks,
            },
            received,
        ))
    }

    /// The partitions' ids, in the hub's order.
    pub(crate) fn partitions(&self) -> &[String] {
        &self.partition_ids
    }

    /// Queues a group; waits while its lane is full. `None`: the lane has ended.
    pub(crate) async fn submit(&self, group: Group) -> Option<()> {
        let lane = self.lanes.get(group.partition % self.lanes.len().max(1))?;
        lane.send(group).await.ok()
    }

    /// Resolves when the hub took nothing for so long that it is given up; what is queued is then
    /// reported without a try.
    pub(crate) async fn gave_up(&self) {
        self.standing.gave_up().await;
    }

    /// Waits until everything that was submitted is reported.
    pub(crate) async fn finish(mut self) {
        self.lanes.clear();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane died: {error}");
            }
        }
    }
}

async fn partition_ids(
    client: &ProducerClient,
    source: &rollcall_source::Config,
) -> Result<Vec<String>, rollcall_source::Error> {
    let operation = || format!("ask the event hub {} for its partitions", source.event_hub);
    match timeout(
        source.request_timeout,
        Box::pin(client.get_eventhub_properties()),
    )
    .await
    {
        Ok(Ok(properties)) => Ok(properties.partition_ids),
        Ok(Err(error)) => Err(rollcall_source::Error::Unavailable {
            operation: operation(),
            cause: rollcall_source::reason(&error),
        }),
        Err(_) => Err(rollcall_source::Error::TimedOut {
            operation: operation(),
            seconds: source.request_timeout.as_secs(),
        }),
    }
}

/// Whether the hub answers: how many partitions it has.
///
/// # Errors
/// If it does not.
pub(crate) async fn hub_answers(
    source: rollcall_source::Config,
) -> Result<usize, rollcall_source::Error> {
    let client = Box::pin(rollcall_source::client::open_producer(&source)).await?;
    let partition_ids = partition_ids(&client, &source).await;
    super::producer::close(client).await;
    Ok(partition_ids?.len())
}
