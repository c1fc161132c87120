//! Ids in paths. They are percent-encoded, and may hold anything, `/` and `%` included.
//!
//! The router matches a path that it has decoded in part and repairs what is not UTF-8; ids are
//! compared byte for byte, so they are taken from the path as it came and decoded once.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rollcall_model::{IdError, OwnerId, PartitionId, SubOwnerId};
use rollcall_store::DeadLetterId;
use std::future::{Ready, ready};
use uuid::Uuid;

use crate::Problem;
use crate::whole::without_point;

/// Where `/api/v1/owners/{owner}/sub-owners/{sub-owner}/…` has its ids.
const OWNER_SEGMENT: usize = 4;
const SUB_OWNER_SEGMENT: usize = 6;
/// Where `/api/v1/dead-letters/{id}` has its id.
const DEAD_LETTER_SEGMENT: usize = 4;
/// Where `/api/v1/events/{id}/…` has its id.
const EVENT_SEGMENT: usize = 4;
/// Where `/api/v1/keys/{id}/…` has its id.
const KEY_SEGMENT: usize = 4;
/// Where `/api/v1/recalibrations/{id}/…` has its id.
const RECALIBRATION_SEGMENT: usize = 4;
/// Where `/api/v1/users/{name}` has its name.
const USER_SEGMENT: usize = 4;
/// Where `/api/v1/partitions/{partition}/…` has its number.
const PARTITION_SEGMENT: usize = 4;

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The path of an owner.
pub(crate) fn owner_path(owner_id: &OwnerId) -> String {
    format!(
        "/api/v1/owners/{}",
        utf8_percent_encode(owner_id.as_str(), SEGMENT)
    )
}

/// The path of a sub-owner.
pub(crate) fn sub_owner_path(owner_id: &OwnerId, sub_owner_id: &SubOwnerId) -> String {
    let sub_owner = utf8_percent_encode(sub_owner_id.as_str(), SEGMENT);
    format!("{}/sub-owners/{sub_owner}", owner_path(owner_id))
}

/// The owner that a path names.
pub(crate) struct OwnerPath(pub(crate) OwnerId);

/// The sub-owner that a path names.
pub(crate) struct SubOwnerPath(pub(crate) OwnerId, pub(crate) SubOwnerId);

/// The dead letter that a path names.
pub(crate) struct DeadLetterPath(pub(crate) DeadLetterId);

/// A text that can be no id names nothing.
fn dead_letter(request: &HttpRequest) -> Result<DeadLetterId, Problem> {
    let text = segment(request, DEAD_LETTER_SEGMENT)?;
    let id = text.parse();
    id.map_err(|_| Problem::not_found(format!("there is no dead letter {text:?}")))
}

/// The event of the outbox that a path names.
pub(crate) struct EventPath(pub(crate) Uuid);

fn event(request: &HttpRequest) -> Result<Uuid, Problem> {
    let text = segment(request, EVENT_SEGMENT)?;
    let id = text.parse();
    id.map_err(|_| Problem::bad_request(format!("{text:?} is not the id of an event")))
}

/// The key that a path names.
pub(crate) struct KeyPath(pub(crate) Uuid);

fn key(request: &HttpRequest) -> Result<Uuid, Problem> {
    let text = segment(request, KEY_SEGMENT)?;
    let id = text.parse();
    id.map_err(|_| Problem::bad_request(format!("{text:?} is not the id of a key")))
}

/// The recalibration that a path names.
pub(crate) struct RecalibrationPath(pub(crate) Uuid);

fn recalibration(request: &HttpRequest) -> Result<Uuid, Problem> {
    let text = segment(request, RECALIBRATION_SEGMENT)?;
    let id = text.parse();
    id.map_err(|_| Problem::bad_request(format!("{text:?} is not the id of a recalibration")))
}

/// The user that a path names.
pub(crate) struct UserPath(pub(crate) String);

/// The partition that a path names.
pub(crate) struct PartitionPath(pub(crate) PartitionId);

fn partition(request: &HttpRequest) -> Result<PartitionId, Problem> {
    let text = segment(request, PARTITION_SEGMENT)?;
    parse_partition(&text).map_err(Problem::bad_request)
}

/// # Errors
/// A sentence, if the text is no number of a partition.
pub(crate) fn parse_partition(text: &str) -> Result<PartitionId, String> {
    let number = without_point(text).parse().map(PartitionId);
    number.map_err(|_| format!("{text:?} is not the number of a partition"))
}

fn segment(request: &HttpRequest, index: usize) -> Result<String, Problem> {
    let raw = request
        .uri()
        .path()
        .split('/')
        .nth(index)
        .unwrap_or_default();
    let text = percent_decode_str(raw).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| Problem::bad_request(format!("{raw:?} is not percent-encoded UTF-8")))
}

fn id<T>(
    request: &HttpRequest,
    index: usize,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, Problem> {
    let text = segment(request, index)?;
    parse(&text).map_err(|error| Problem::bad_request(format!("{text:?} cannot be an id: {error}")))
}

macro_rules! from_path {
    ($name:ident, $request:ident => $read:expr) => {
        impl FromRequest for $name {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request($request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready((|| Ok($read))())
            }
        }
    };
}

from_path!(OwnerPath, request => Self(id(request, OWNER_SEGMENT, OwnerId::parse)?));
from_path!(SubOwnerPath, request => Self(
    id(request, OWNER_SEGMENT, OwnerId::parse)?,
    id(request, SUB_OWNER_SEGMENT, SubOwnerId::parse)?,
));
from_path!(PartitionPath, request => Self(partition(request)?));
from_path!(DeadLetterPath, request => Self(dead_letter(request)?));
from_path!(EventPath, request => Self(event(request)?));
from_path!(KeyPath, request => Self(key(request)?));
from_path!(RecalibrationPath, request => Self(recalibration(request)?));
from_path!(UserPath, request => Self(segment(request, USER_SEGMENT)?));
