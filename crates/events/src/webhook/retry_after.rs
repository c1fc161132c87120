//! `Retry-After`: seconds, or a date in one of the three forms of HTTP.

use std::time::{Duration, UNIX_EPOCH};

use rollcall_model::Timestamp;

/// How long to wait from `now`; `None` if the text is neither a number nor a date.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp::EPOCH.plus(since_epoch).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = Timestamp::parse("2026-11-23T10:00:00Z").unwrap();
        let seconds = |text| parse(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Mon, 23 Nov 2026 10:02:00 GMT"), Some(120));
        assert_eq!(seconds("Mon, 23 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("-5"), None);
    }
}
