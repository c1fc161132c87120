//! One try of one delivery, which ends with a result whatever the sink does: it answers, fails,
//! hangs or panics.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rollcall_store::Delivery;
use tokio::time::Instant;

use crate::{Sink, SinkError};

/// A try that is over.
pub(crate) struct Landed {
    pub(crate) delivery: Delivery,
    pub(crate) result: Result<(), SinkError>,
    pub(crate) took: Duration,
}

/// Sends within `deadline`.
pub(crate) async fn fly(sink: Arc<dyn Sink>, delivery: Delivery, deadline: Duration) -> Landed {
    let begun = Instant::now();
    let guarded = AssertUnwindSafe(send(&*sink, &delivery)).catch_unwind();
    let result = match tokio::time::timeout(deadline, guarded).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(SinkError::retryable(format!(
            "the send panicked: {}",
            panic_text(&*panic)
        ))),
        Err(_) => Err(SinkError::retryable(format!(
            "no answer within {deadline:?}"
        ))),
    };
    let took = begun.elapsed();
    Landed {
        delivery,
        result,
        took,
    }
}

async fn send(sink: &dyn Sink, delivery: &Delivery) -> Result<(), SinkError> {
    fail::fail_point!("relay.send", |_| Err(SinkError::retryable(
        "fault point relay.send"
    )));
    sink.send(delivery).await
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
        .to_owned()
}
