//! The events that leave the house: `CloudEvents` 1.0 with an id that repeats when a send does.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use uuid::Uuid;

use crate::owner::named;
use crate::{Owner, OwnerId, SubOwner, SubOwnerId, Timestamp};

/// Unreserved characters of RFC 3986 stay readable in subjects.
const SUBJECT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The name space of Rollcall's event ids. Never change it: receivers know repeats by the id.
const EVENT_ID_NAMESPACE: Uuid = Uuid::from_u128(0x8f3d_5a52_6c1e_4b0f_9d27_3e1c_70a4_b6d9);

named! {
    /// The `type` of an event.
    EventType {
        /// The NewOwnerEvent.
        OwnerCreated = "rollcall.owner.created",
        SubOwnerCreated = "rollcall.sub_owner.created",
        OwnerStateChanged = "rollcall.owner.state_changed",
    }
}

/// The `source` of every event of a stream: `/rollcall/{namespace}/{event_hub}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource(String);

impl EventSource {
    #[must_use]
    pub fn new(namespace: &str, event_hub: &str) -> Self {
        Self(format!("/rollcall/{namespace}/{event_hub}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event as it lies in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    pub event_id: Uuid,
    pub event_type: EventType,
    pub subject: String,
    /// The whole `CloudEvent` in its structured form.
    pub payload: String,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: Uuid,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: &'static str,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a T,
}

impl OutboxEvent {
    /// An owner was entered.
    #[must_use]
    pub fn owner_created(source: &EventSource, owner: &Owner) -> Self {
        let subject = owner_subject(&owner.owner_id);
        Self::new(
            source,
            EventType::OwnerCreated,
            subject,
            owner.version,
            owner.created_at,
            owner,
        )
    }

    /// A sub-owner was entered.
    #[must_use]
    pub fn sub_owner_created(source: &EventSource, sub_owner: &SubOwner) -> Self {
        let subject = sub_owner_subject(&sub_owner.owner_id, &sub_owner.sub_owner_id);
        let at = sub_owner.created_at;
        Self::new(
            source,
            EventType::SubOwnerCreated,
            subject,
            sub_owner.version,
            at,
            sub_owner,
        )
    }

    /// An owner was approved, blocked, restored or deleted at `changed_at`.
    #[must_use]
    pub fn state_changed(source: &EventSource, owner: &Owner, changed_at: Timestamp) -> Self {
        let subject = owner_subject(&owner.owner_id);
        let event_type = EventType::OwnerStateChanged;
        Self::new(
            source,
            event_type,
            subject,
            owner.version,
            changed_at,
            owner,
        )
    }

    fn new<T: Serialize>(
        source: &EventSource,
        event_type: EventType,
        subject: String,
        version: i64,
        created_at: Timestamp,
        data: &T,
    ) -> Self {
        let event_id = event_id(source, event_type, &subject, version);
        let event = CloudEvent {
            specversion: "1.0",
            id: event_id,
            source: source.as_str(),
            event_type: event_type.as_str(),
            subject: &subject,
            time: created_at,
            datacontenttype: "application/json",
            data,
        };
        // A resource is plain fields with text keys, which always have a JSON form.
        let payload = serde_json::to_string(&event).unwrap_or_default();
        Self {
            event_id,
            event_type,
            subject,
            payload,
            created_at,
        }
    }
}

/// UUID v5 of (source, type, subject, version). No part holds a line break, so that the joined
/// text is unambiguous.
#[must_use]
pub fn event_id(source: &EventSource, event_type: EventType, subject: &str, version: i64) -> Uuid {
    let name = format!("{source}\n{event_type}\n{subject}\n{version}");
    Uuid::new_v5(&EVENT_ID_NAMESPACE, name.as_bytes())
}

/// The owner id, percent-encoded.
#[must_use]
pub fn owner_subject(owner_id: &OwnerId) -> String {
    utf8_percent_encode(owner_id.as_str(), SUBJECT).to_string()
}

/// `{owner}/{sub-owner}`, each percent-encoded.
#[must_use]
pub fn sub_owner_subject(owner_id: &OwnerId, sub_owner_id: &SubOwnerId) -> String {
    let sub_owner = utf8_percent_encode(sub_owner_id.as_str(), SUBJECT);
    format!("{}/{sub_owner}", owner_subject(owner_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CreatedBy, OwnerState, Settings};

    fn owner(version: i64) -> Owner {
        Owner {
            owner_id: OwnerId::parse("a/b ü").unwrap(),
            state: OwnerState::Active,
            display_name: None,
            settings: Settings::default(),
            version,
            created_at: Timestamp::EPOCH,
            created_by: CreatedBy::Stream,
        }
    }

    #[test]
    fn an_event_keeps_its_id_when_it_is_made_again() {
        let source = EventSource::new("localhost", "statuses");
        let event = OutboxEvent::owner_created(&source, &owner(1));
        assert_eq!(
            event.event_id,
            OutboxEvent::owner_created(&source, &owner(1)).event_id
        );
        assert_eq!(event.event_id.get_version_num(), 5);
        assert_eq!(event.subject, "a%2Fb%20%C3%BC");
    }

    #[test]
    fn successive_changes_of_one_owner_have_different_ids() {
        let source = EventSource::new("localhost", "statuses");
        let second = OutboxEvent::state_changed(&source, &owner(2), Timestamp::EPOCH);
        let third = OutboxEvent::state_changed(&source, &owner(3), Timestamp::EPOCH);
        assert_ne!(second.event_id, third.event_id);
    }

    #[test]
    fn the_payload_is_a_cloud_event_with_the_resource_as_data() {
        let source = EventSource::new("localhost", "statuses");
        let event = OutboxEvent::owner_created(&source, &owner(1));
        let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
        assert_eq!(payload["source"], "/rollcall/localhost/statuses");
        assert_eq!(payload["type"], "rollcall.owner.created");
        assert_eq!(payload["data"]["owner_id"], "a/b ü");
        assert_eq!(payload["id"], event.event_id.to_string());
    }
}
