//! What the sinks that carry whole events share.

/// Of a body that is a whole event, in every binding of `CloudEvents`.
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The owner of the subject `{owner}` or `{owner}/{sub-owner}`: both parts are percent-encoded, so
/// that the slash stands between them only.
pub(crate) fn owner(subject: &str) -> &str {
    subject.split_once('/').map_or(subject, |(owner, _)| owner)
}
