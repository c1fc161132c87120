//! A thread of its own for a client of AMQP.
//!
//! fe2o3-amqp 0.16.2 enters a delivery among those that wait for an answer only after it was handed
//! to the connection: a peer that answers in between is not heard, and the send never ends (mended in
//! 0.18.2). Between the two steps there is no await, so on a runtime with one thread nothing can come
//! in between. The official Event Hubs client stands on the same code.

use std::io;
use std::panic::resume_unwind;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::SinkError;

/// Ends with all that runs on it when it is dropped.
pub(crate) struct AmqpThread {
    handle: Handle,
    _running: oneshot::Sender<()>,
}

impl AmqpThread {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, dropped) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(dropped).is_err())?;
        Ok(Self {
            handle,
            _running: running,
        })
    }

    /// Runs `work` there, to its end even if nobody waits for it any more: it has to have a deadline.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SinkError>> + Send + 'static,
    ) -> Result<T, SinkError> {
        match self.handle.spawn(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(SinkError::unreachable("the sink's thread has ended")),
        }
    }

    /// Has `work` run there until it ends or the thread does.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}
