//! `rollcall run`: a node.

use clap::Args;

use super::Context;
use crate::failure::Failure;
use crate::node::{Ended, Steps, start};
use crate::shutdown::Shutdown;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Also simulate a fleet of so many owners, each with 5 sub-owners that send every 10 s
    #[arg(long, value_name = "OWNERS", value_parser = clap::value_parser!(u32).range(1..=800_000_000))]
    simulate: Option<u32>,
}

/// The I/O runtime has its own threads; this one becomes the actix system.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let settings = context.settings()?;
    let io = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rollcall-io")
        .build()?;
    let system = actix::System::new();
    let shutdown = {
        let _on_io = io.enter();
        Shutdown::listen()?
    };
    let steps = Steps {
        settings,
        io: io.handle().clone(),
        talk: context.talk.clone(),
        shutdown: shutdown.clone(),
        simulate: arguments.simulate,
    };
    let signals = shutdown.clone();
    let node = async {
        let running = start(steps).await?;
        Ok(running.run(shutdown).await)
    };
    let ended = system.block_on(signals.or_insisted(Box::pin(node)));
    io.shutdown_background();
    match ended? {
        Ended::Drained => Ok(()),
        Ended::GaveUp(sentence) => Err(anyhow::anyhow!("the node gave up: {sentence}").into()),
    }
}
