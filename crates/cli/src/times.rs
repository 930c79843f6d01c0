//! Times as people write and read them.

use std::time::{Duration, UNIX_EPOCH};

/// A time that was typed, Unix milliseconds: a number of them, a date, a date with a time (UTC), or how long ago.
pub fn parse(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    if let Ok(at_ms) = text.parse::<i64>() {
        return (at_ms >= 0).then_some(at_ms);
    }
    if let Ok(ago) = humantime::parse_duration(text.trim_end_matches(" ago")) {
        return Some(now_ms.saturating_sub(i64::try_from(ago.as_millis()).ok()?));
    }
    let with_time = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let since = humantime::parse_rfc3339_weak(&with_time).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// `2026-03-01 12:30:05`, UTC.
pub fn shown(at_ms: i64) -> String {
    let since = Duration::from_millis(at_ms.unsigned_abs());
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_usual_way() {
        let now_ms = 1_772_368_205_000;
        for (text, at_ms) in [
            ("1772323200000", Some(1_772_323_200_000)),
            ("2026-03-01", Some(1_772_323_200_000)),
            ("2026-03-01T12:30:05Z", Some(now_ms)),
            ("2026-03-01 12:30:05", Some(now_ms)),
            ("90m", Some(now_ms - 5_400_000)),
            ("2 days ago", Some(now_ms - 172_800_000)),
            ("yesterday", None),
            ("-1", None),
        ] {
            assert_eq!(parse(text, now_ms), at_ms, "{text}");
        }
        assert_eq!(shown(now_ms), "2026-03-01 12:30:05");
    }
}
