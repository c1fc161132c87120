//! What goes wrong at start, in one sentence with a mend.

use crate::failure::{Failure, chain};
use crate::settings::{Fault, Faults};

pub(crate) fn of_hub(error: &rollcall_hub::Error) -> Failure {
    use rollcall_hub::Error;
    // Its text has the cause already.
    let what = error.to_string();
    match error {
        Error::Listen { .. } => Failure::unavailable(
            format!("the embedded hub {what}"),
            "stop what listens there, or set hub.listen to another address",
        ),
        Error::InUse { .. } => Failure::unavailable(
            what,
            "stop that hub, or set node.data_dir to another directory",
        ),
        Error::OtherHub { .. } | Error::Config(_) => Failure::Settings(Faults(vec![Fault::new(
            "hub.partitions",
            None,
            what,
            "set what the log has, or set node.data_dir to another directory",
        )])),
        Error::Damaged { .. } => Failure::unavailable(
            what,
            "look at the disk, then take the segment away or restore it",
        ),
        _ => Failure::unavailable(what, "make the directory readable and writable"),
    }
}

pub(crate) fn of_store(error: &rollcall_store::Error) -> Failure {
    use rollcall_store::Kind;
    let what = chain(error);
    match error.kind {
        Kind::Schema => Failure::unavailable(what, "rollcall migrate status shows how it stands"),
        Kind::Unavailable | Kind::Unknown => Failure::unavailable(
            what,
            "look at the database, its directory and its disk, or set store.url to another one",
        ),
        Kind::RefusedData | Kind::BadCursor | Kind::Defect => {
            Failure::Failed(anyhow::anyhow!(what))
        }
    }
}

pub(crate) fn of_relay(error: &rollcall_events::Error) -> Failure {
    match error {
        rollcall_events::Error::Sink { name, problem } => {
            Failure::Settings(Faults(vec![Fault::new(
                "events.sinks",
                None,
                format!("the sink {name:?}: {problem}"),
                "correct the sink",
            )]))
        }
        rollcall_events::Error::Store(error) => of_store(error),
    }
}

pub(crate) fn of_pipeline(error: &rollcall_pipeline::Error) -> Failure {
    match error {
        rollcall_pipeline::Error::Store(error) => of_store(error),
        rollcall_pipeline::Error::Source(error) => crate::sending::unreachable(error, None),
        rollcall_pipeline::Error::Claims(error) => Failure::Settings(Faults(vec![Fault::new(
            "registry.redis_url",
            None,
            error.to_string(),
            "write the URL of a Redis server, such as redis://127.0.0.1:6379",
        )])),
        other => Failure::Failed(anyhow::anyhow!(chain(other))),
    }
}

pub(crate) fn of_web(error: &rollcall_web::Error) -> Failure {
    let mend = "stop what listens there, or set http.listen to another address";
    let what = match error {
        rollcall_web::Error::Listen { listen, source } => {
            format!("the API cannot listen on {listen}: {}", reason(source))
        }
        rollcall_web::Error::Start { .. } => chain(error),
        rollcall_web::Error::Tls(problem) => {
            return Failure::Settings(Faults(vec![Fault::new(
                "http.tls_certificate",
                None,
                problem.clone(),
                "write the paths of a PEM certificate and of its key, which this user can read",
            )]));
        }
    };
    Failure::unavailable(what, mend)
}

/// What the system said, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text,
    }
}
