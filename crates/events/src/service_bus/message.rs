//! An event as a message, in the structured mode of the AMQP binding of `CloudEvents`.

use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Data, Header, Message, MessageId, Properties,
};
use fe2o3_amqp::types::primitives::Binary;
use rollcall_store::Delivery;
use uuid::Uuid;

use crate::cloud_event::{CONTENT_TYPE, owner};

/// Service Bus takes no longer name of a session.
const LONGEST_GROUP: usize = 128;
/// What an event brings along beside its payload, generously.
pub(super) const OVERHEAD: u64 = 2_048;

pub(super) fn of(event: &Delivery) -> Message<Data> {
    let id = event.event_id.to_string();
    let properties = Properties::builder()
        .message_id(MessageId::String(id.clone()))
        .subject(event.event_type.clone())
        .content_type(CONTENT_TYPE)
        .group_id(Some(group(&event.subject)))
        .build();
    let attributes = ApplicationProperties::builder()
        .insert("cloudEvents_id", id)
        .insert("cloudEvents_type", event.event_type.clone())
        .insert("cloudEvents_subject", event.subject.clone())
        .build();
    Message::builder()
        .header(Header::builder().durable(true).build())
        .properties(properties)
        .application_properties(attributes)
        .data(Binary::from(event.payload.as_bytes()))
        .build()
}

/// The owner of the subject `{owner}` or `{owner}/{sub-owner}`; one that is too long by its hash.
fn group(subject: &str) -> String {
    let owner = owner(subject);
    match owner.len() > LONGEST_GROUP {
        true => Uuid::new_v5(&Uuid::NAMESPACE_OID, owner.as_bytes()).to_string(),
        false => owner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_and_its_sub_owners_are_one_group_that_fits() {
        assert_eq!(group("a%2Fb"), "a%2Fb");
        assert_eq!(group("a%2Fb/c"), "a%2Fb");
        let long = "%C3%A4".repeat(128);
        let hashed = group(&format!("{long}/1"));
        assert_eq!(hashed, group(&long));
        assert!(hashed.len() <= LONGEST_GROUP, "{hashed}");
    }
}
