//! Where to send: where the settings say the source is, unless flags say otherwise.

use clap::Args;
use tokio::sync::mpsc;

use super::{Dispatcher, Patience, Report};
use crate::cli::Global;
use crate::failure::{Failure, chain};
use crate::settings::{self, Environment, Fault, Faults, FlagValue, Settings};

/// Flags that name the hub to send into.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Destination {
    /// Connection string of another hub than the settings name
    #[arg(long, value_name = "TEXT")]
    pub(crate) connection_string: Option<String>,
    /// Another namespace than the settings name, signed in to by their credential
    #[arg(long, value_name = "HOST", conflicts_with = "connection_string")]
    pub(crate) fully_qualified_namespace: Option<String>,
    /// Name of the event hub
    #[arg(long, value_name = "NAME")]
    pub(crate) event_hub: Option<String>,
    /// Where to connect instead of the namespace, such as `amqp://127.0.0.1:5672`
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl Destination {
    /// The settings with these flags above them.
    ///
    /// # Errors
    /// The faults of the settings.
    pub(crate) fn settings(
        &self,
        global: Global,
        environment: Environment,
    ) -> Result<Settings, Failure> {
        let mut settings = settings::load(global.inputs(environment, self.flags()))?;
        if self.place().is_none() {
            // Onto the hub of the settings, of whichever kind its source is.
            if let Some(event_hub) = &self.event_hub {
                settings.source.event_hub.clone_from(event_hub);
            }
            if let Some(endpoint) = &self.endpoint {
                settings.source.custom_endpoint = Some(endpoint.clone());
            }
        }
        refuse_port_zero(&settings.source)?;
        Ok(settings)
    }

    /// The flag that selects an event hub elsewhere, its key and its value.
    fn place(&self) -> Option<(&'static str, &'static str, &str)> {
        let by_string = self.connection_string.as_deref().map(|text| {
            let key = "source.event_hubs.connection_string";
            ("--connection-string", key, text)
        });
        by_string.or_else(|| {
            let key = "source.event_hubs.fully_qualified_namespace";
            let namespace = self.fully_qualified_namespace.as_deref()?;
            Some(("--fully-qualified-namespace", key, namespace))
        })
    }

    /// An event hub elsewhere is selected with all that belongs to it.
    fn flags(&self) -> Vec<FlagValue> {
        let Some((place, key, value)) = self.place() else {
            return Vec::new();
        };
        let flag = |flag, key: &str, value: &str| FlagValue {
            flag,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let mut flags = vec![
            flag(place, "source.kind", "event_hubs"),
            flag(place, key, value),
        ];
        if let Some(event_hub) = &self.event_hub {
            flags.push(flag(
                "--event-hub",
                "source.event_hubs.event_hub",
                event_hub,
            ));
        }
        if let Some(endpoint) = &self.endpoint {
            flags.push(flag(
                "--endpoint",
                "source.event_hubs.custom_endpoint",
                endpoint,
            ));
        }
        flags
    }
}

fn refuse_port_zero(source: &rollcall_source::Config) -> Result<(), Failure> {
    let endpoint = source.custom_endpoint.as_deref().unwrap_or_default();
    if endpoint.ends_with(":0") {
        let what = "cannot tell the port of the embedded hub: hub.listen lets the node pick one";
        return Err(Failure::unavailable(
            what,
            "name it by --endpoint amqp://127.0.0.1:PORT",
        ));
    }
    Ok(())
}

/// Opens the way into the hub.
///
/// # Errors
/// That the hub cannot be reached where it should be, or that its settings cannot be right.
pub(crate) async fn connect(
    source: rollcall_source::Config,
    patience: Patience,
) -> Result<(Dispatcher, mpsc::Receiver<Report>), Failure> {
    let endpoint = source.custom_endpoint.clone();
    let started = Dispatcher::start(source, patience).await;
    started.map_err(|error| unreachable(&error, endpoint.as_deref()))
}

/// What to say when the hub cannot be reached.
pub(crate) fn unreachable(error: &rollcall_source::Error, endpoint: Option<&str>) -> Failure {
    if let rollcall_source::Error::Misconfigured { problem } = error {
        let key = "source.event_hubs.connection_string";
        let mend = "correct it, or the name of the event hub";
        return Failure::Settings(Faults(vec![Fault::new(key, None, problem.clone(), mend)]));
    }
    let place = endpoint.map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
    Failure::unavailable(
        format!("the hub{place} does not answer: {}", chain(error)),
        "start the node (rollcall run) or the hub (rollcall hub), or name another one by \
         --endpoint or --connection-string",
    )
}
