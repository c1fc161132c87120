//! Events that are no statuses: one of every kind that decoding tells apart.

use rand::Rng;

const BODIES: &[&[u8]] = &[
    b"{\"dataOwnerId\":\"1\"",
    b"not json at all",
    b"",
    b"{\"dataOwnerId\":\"\xff\xfe\",\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\"}",
    b"{\"dataOwnerId\":{},\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":1.0,\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\"\",\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\"a\\u0000b\",\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\" padded\",\"dataOwnerSubId\":\"1\",\"data\":1}",
    b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\",\"data\":1,\"measuredAt\":\"yesterday\"}",
    b"[1,2,3]",
];

pub(super) fn body(random: &mut impl Rng) -> Vec<u8> {
    BODIES[random.random_range(0..BODIES.len())].to_vec()
}
