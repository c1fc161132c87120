//! Addresses: which node of the broker a link wants.
//!
//! | address, after `scheme://authority/` | node |
//! |---|---|
//! | `$cbs` | token requests |
//! | `$management`, `HUB/$management` | properties |
//! | `HUB` | a sender, the broker chooses the partition |
//! | `HUB/Partitions/N` | a sender to a partition |
//! | `HUB/ConsumerGroups/G/Partitions/N` | a receiver |
//!
//! The keywords and the hub's name are matched without regard to case.

use percent_encoding::percent_decode_str;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Cbs,
    Management,
    Sender { partition: Option<u32> },
    Receiver { group: String, partition: u32 },
}

/// The path of an address: without scheme and authority, percent-decoded.
pub(crate) fn path(address: &str) -> String {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => address,
    };
    let path = percent_decode_str(path.trim_matches('/'));
    path.decode_utf8_lossy().into_owned()
}

/// The node that an address names, if this hub has it. Whether the partition exists is not asked.
pub(crate) fn node(address: &str, event_hub: &str) -> Option<Node> {
    let path = path(address);
    let parts: Vec<&str> = path.split('/').collect();
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    match parts[..] {
        [cbs] if is(cbs, "$cbs") => Some(Node::Cbs),
        [management] if is(management, "$management") => Some(Node::Management),
        [hub, ..] if !is(hub, event_hub) => None,
        [_] => Some(Node::Sender { partition: None }),
        [_, management] if is(management, "$management") => Some(Node::Management),
        [_, partitions, number] if is(partitions, "Partitions") => Some(Node::Sender {
            partition: Some(number.parse().ok()?),
        }),
        [_, groups, group, partitions, number]
            if is(groups, "ConsumerGroups") && is(partitions, "Partitions") =>
        {
            Some(Node::Receiver {
                group: group.to_owned(),
                partition: number.parse().ok()?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_bare_paths_name_the_same_nodes() {
        let receiver = Some(Node::Receiver {
            group: "$Default".to_owned(),
            partition: 3,
        });
        for address in [
            "statuses/ConsumerGroups/$Default/Partitions/3",
            "amqps://localhost:5671/Statuses/consumergroups/%24Default/partitions/3",
            "sb://localhost/statuses/ConsumerGroups/$Default/Partitions/3/",
        ] {
            assert_eq!(node(address, "statuses"), receiver, "{address}");
        }
        assert_eq!(node("$cbs", "statuses"), Some(Node::Cbs));
        assert_eq!(
            node("amqp://h/statuses", "statuses"),
            Some(Node::Sender { partition: None })
        );
        assert_eq!(node("other", "statuses"), None);
        assert_eq!(node("statuses/Partitions/x", "statuses"), None);
    }
}
