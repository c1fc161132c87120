//! Where the source is, how it is read, and how we sign in there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use azure_messaging_eventhubs::ConnectionString;
use rollcall_azure::{Step, Variables};
use rollcall_hub::DEVELOPMENT_CONNECTION_STRING;
use rollcall_source::Access;

use super::SourceKind;
use super::raw::Origin;
use super::reader::Reader;
use super::setting::Setting;
use super::table;

const CONNECTION_STRING: &str = "source.event_hubs.connection_string";
const NAMESPACE: &str = "source.event_hubs.fully_qualified_namespace";
/// The port of AMQP, where a development hub without another one listens.
const AMQP_PORT: u16 = 5_672;

pub(super) fn source_kind(reader: &mut Reader<'_>) -> SourceKind {
    match reader.text("source.kind").as_str() {
        "event_hubs" => SourceKind::EventHubs,
        _ => SourceKind::Embedded,
    }
}

pub(super) fn source(
    reader: &mut Reader<'_>,
    azure: &rollcall_azure::Config,
) -> rollcall_source::Config {
    let defaults = rollcall_source::Config::default();
    let prefetch = reader.optional_number("source.event_hubs.prefetch");
    let per_connection = reader.number("source.event_hubs.partitions_per_connection");
    let mut config = rollcall_source::Config {
        access: Access::ConnectionString(DEVELOPMENT_CONNECTION_STRING.to_owned()),
        custom_endpoint: None,
        event_hub: reader.text("source.event_hubs.event_hub"),
        consumer_group: reader.text("source.event_hubs.consumer_group"),
        replay_consumer_group: reader.text("source.event_hubs.replay_consumer_group"),
        transport: match reader.text("source.event_hubs.transport").as_str() {
            "amqp_web_sockets" => rollcall_source::Transport::AmqpWebSockets,
            _ => rollcall_source::Transport::Amqp,
        },
        start_position: reader.start_position("source.event_hubs.start_position"),
        prefetch: prefetch.and_then(|events| u32::try_from(events).ok()),
        partitions_per_connection: u32::try_from(per_connection).unwrap_or(u32::MAX),
        decode: rollcall_source::DecodeConfig {
            owner_id: reader.pointer("decode.owner_id"),
            sub_owner_id: reader.pointer("decode.sub_owner_id"),
            data: reader.pointer("decode.data"),
            measured_at: reader.pointer("decode.measured_at"),
        },
        ..defaults
    };
    place(reader, azure, &mut config);
    config
}

/// Where the source is: at the hub's own address, or where the connection string or the namespace
/// says.
fn place(
    reader: &mut Reader<'_>,
    azure: &rollcall_azure::Config,
    config: &mut rollcall_source::Config,
) {
    let connection_string = reader.optional_text(CONNECTION_STRING);
    let namespace = reader.optional_text(NAMESPACE);
    let endpoint = reader.optional_text("source.event_hubs.custom_endpoint");
    if source_kind(reader) == SourceKind::Embedded {
        config.custom_endpoint = Some(endpoint_of(reader.listen("hub.listen")));
        return;
    }
    match one_of(reader, connection_string, namespace) {
        Some(Place::ConnectionString(text)) => {
            match text.parse::<ConnectionString>() {
                Ok(parsed) => check_entity_path(reader, &parsed, config),
                Err(error) => {
                    let mend = "copy it from the portal: \
                                Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…";
                    reader.fault(CONNECTION_STRING, error.to_string(), mend);
                }
            }
            config.custom_endpoint = endpoint.or_else(|| development_endpoint(&text));
            config.access = Access::ConnectionString(text);
        }
        Some(Place::Namespace(fully_qualified_namespace)) => {
            check_namespace(reader, &fully_qualified_namespace);
            config.custom_endpoint = endpoint;
            config.access = Access::Credential {
                fully_qualified_namespace,
                credential: rollcall_azure::credential(azure.clone()),
            };
        }
        None => {}
    }
}

enum Place {
    ConnectionString(String),
    Namespace(String),
}

/// The one of the two that was typed. A flag wins over what was not typed as one: that is how
/// `rollcall send` is pointed elsewhere.
fn one_of(
    reader: &mut Reader<'_>,
    connection_string: Option<String>,
    namespace: Option<String>,
) -> Option<Place> {
    let is_flag = |key| matches!(reader.origin(key), Origin::Flag { .. });
    match (connection_string, namespace) {
        (Some(text), None) => Some(Place::ConnectionString(text)),
        (None, Some(namespace)) => Some(Place::Namespace(namespace)),
        (Some(text), Some(namespace)) => match (is_flag(CONNECTION_STRING), is_flag(NAMESPACE)) {
            (true, false) => Some(Place::ConnectionString(text)),
            (false, true) => Some(Place::Namespace(namespace)),
            _ => {
                let problem = format!("{CONNECTION_STRING} is set too");
                reader.fault(NAMESPACE, problem, "leave one of them away");
                None
            }
        },
        (None, None) => {
            let problem = "it is missing, and source.kind is event_hubs".to_owned();
            let name = |key| table::find(key).map_or_else(String::new, Setting::environment_name);
            let (name, namespace) = (name(CONNECTION_STRING), name(NAMESPACE));
            let mend = format!(
                "set {name}, or {name}_FILE to a file that holds it, or {namespace} to sign in by \
                 a credential"
            );
            reader.fault(CONNECTION_STRING, problem, &mend);
            None
        }
    }
}

/// A namespace is a host's name. An endpoint or a whole connection string is often typed instead.
fn check_namespace(reader: &mut Reader<'_>, namespace: &str) {
    if !is_host_name(namespace) {
        let problem = "it is no host name".to_owned();
        reader.fault(
            NAMESPACE,
            problem,
            "write one such as example.servicebus.windows.net",
        );
    }
}

pub(super) fn is_host_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    !text.is_empty() && text.chars().all(fits)
}

/// How this process signs in to Azure, also for its sinks.
pub(super) fn sign_in(reader: &mut Reader<'_>, variables: Variables) -> rollcall_azure::Config {
    let step = Step::named(&reader.text("source.event_hubs.credential"));
    rollcall_azure::Config { step, variables }
}

fn check_entity_path(
    reader: &mut Reader<'_>,
    parsed: &ConnectionString,
    config: &mut rollcall_source::Config,
) {
    const KEY: &str = "source.event_hubs.event_hub";
    let Some(path) = parsed.entity_path.as_ref() else {
        return;
    };
    if reader.origin(KEY) == Origin::Default {
        config.event_hub.clone_from(path);
    } else if *path != config.event_hub {
        let problem = format!(
            "{:?} is not the connection string's {path:?}",
            config.event_hub
        );
        reader.fault(KEY, problem, "write the same name, or leave the key away");
    }
}

/// Where a development hub listens: its connection string says so, and means plain AMQP.
pub(crate) fn development_endpoint(connection_string: &str) -> Option<String> {
    let value = |name: &str| {
        connection_string.split(';').find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    value("UseDevelopmentEmulator").filter(|value| value.eq_ignore_ascii_case("true"))?;
    let (_, rest) = value("Endpoint")?.split_once("://")?;
    let authority = rest
        .split('/')
        .next()
        .filter(|authority| !authority.is_empty())?;
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(match has_port {
        true => format!("amqp://{authority}"),
        false => format!("amqp://{authority}:{AMQP_PORT}"),
    })
}

/// Where a client on this machine reaches a hub that listens there.
pub(crate) fn endpoint_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("amqp://{}", SocketAddr::new(ip, listen.port()))
}
