//! A node that runs, and how it ends: drained, or given up.

use std::time::Duration;

use futures::future::join_all;
use rollcall_events::Relay;
use rollcall_hub::Hub;
use rollcall_pipeline::Handle;
use tokio::task::JoinHandle;

use super::data_dir::DataDir;
use crate::shutdown::Shutdown;

/// How long fleet and live line may take to end; they have nothing to lose. With the pipeline's 20 s
/// after it the whole stop stays below the 30 s that Kubernetes grants a pod.
const TASK_DEADLINE: Duration = Duration::from_secs(3);

/// Why a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As asked; everything in flight is committed or will be read again.
    Drained,
    /// An actor died too often, with the sentence that says which.
    GaveUp(String),
}

pub(super) struct Parts {
    pub(super) lock: DataDir,
    pub(super) hub: Option<Hub>,
    pub(super) relay: Option<Relay>,
    pub(super) pipeline: Handle,
    pub(super) web: rollcall_web::Running,
    pub(super) tasks: Vec<JoinHandle<()>>,
}

pub(crate) struct Running {
    parts: Parts,
}

impl Running {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Runs until a drain is asked for or the pipeline gives up, and takes the node down.
    pub(crate) async fn run(self, mut shutdown: Shutdown) -> Ended {
        let ended = tokio::select! {
            () = shutdown.asked() => Ended::Drained,
            sentence = self.parts.pipeline.gave_up() => Ended::GaveUp(sentence),
        };
        self.stop(&ended).await;
        ended
    }

    /// Who sends first; the hub last, since the readers' links close over it. Who reads, who relays
    /// and who answers end beside each other, so that their deadlines do not add up.
    async fn stop(self, ended: &Ended) {
        let Parts {
            lock,
            hub,
            relay,
            pipeline,
            web,
            tasks,
        } = self.parts;
        join_all(tasks.into_iter().map(|task| end(task, ended))).await;
        let drain = async {
            if *ended == Ended::Drained {
                tracing::info!("draining");
                pipeline.drain().await;
            }
        };
        let relayed = async {
            if let Some(relay) = relay {
                relay.stop().await;
            }
        };
        tokio::join!(drain, relayed, web.stop());
        if let Some(hub) = hub {
            hub.stop().await;
        }
        drop(lock);
    }
}

/// Waits for a task that has heard of the shutdown; aborts one that cannot have, or is late.
async fn end(mut task: JoinHandle<()>, ended: &Ended) {
    let heard = *ended == Ended::Drained;
    let waited = match heard {
        true => tokio::time::timeout(TASK_DEADLINE, &mut task).await.is_ok(),
        false => false,
    };
    if !waited {
        task.abort();
    }
}
