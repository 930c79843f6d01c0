//! Times as text. Without the viewer's zone, which only the browser knows: the first render shows UTC.

mod machine;

pub use machine::{machine, parse_utc};

use machine::{MS_PER_SECOND, Moment};

use crate::language::Language;
use crate::texts::Texts;

/// The value of an `<input type="datetime-local">` that shows UTC, to the minute.
pub fn minute(at_ms: i64) -> String {
    machine(at_ms).chars().take(16).collect()
}

/// A time to read, in UTC and saying so.
pub fn utc(texts: Texts, at_ms: i64) -> String {
    let Moment { hour, minute, second, .. } = Moment::from_unix_ms(at_ms);
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    texts.time_utc(&date(texts, at_ms), &clock)
}

/// A day in UTC, to read.
pub fn date(texts: Texts, at_ms: i64) -> String {
    let Moment { year, month, day, .. } = Moment::from_unix_ms(at_ms);
    let index = usize::try_from(month - 1).unwrap_or_default();
    let month = texts.time_months().split(' ').nth(index).unwrap_or_default();
    texts.time_date(&day.to_string(), month, &year.to_string())
}

/// How long something took.
pub fn took(language: Language, duration_ms: i64) -> String {
    if duration_ms < MS_PER_SECOND {
        format!("{duration_ms} ms")
    } else {
        let tenths = duration_ms / 100;
        format!("{}{}{} s", tenths / 10, language.decimal_mark(), tenths % 10)
    }
}

/// A wait, to its two biggest units: `45 s`, `2 min 15 s`, `9 h 7 min`, `4 d 3 h`.
pub fn wait(duration_ms: i64) -> String {
    let seconds = duration_ms.max(0) / MS_PER_SECOND;
    let units = [
        ("d", seconds / 86_400),
        ("h", seconds / 3600 % 24),
        ("min", seconds / 60 % 60),
        ("s", seconds % 60),
    ];
    let first = units.iter().position(|(_, count)| *count > 0).unwrap_or(units.len() - 1);
    let parts = units[first..].iter().take(2).filter(|(_, count)| *count > 0);
    let text: Vec<String> = parts.map(|(unit, count)| format!("{count} {unit}")).collect();
    if text.is_empty() { "0 s".to_owned() } else { text.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::machine::MS_PER_DAY;
    use super::*;

    #[test]
    fn unix_milliseconds_become_dates() {
        for (at_ms, wanted) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(machine(at_ms), wanted);
        }
    }

    #[test]
    fn dates_read_back() {
        for at_ms in [0, 951_782_400_000, 1_709_251_199_999, 1_772_323_200_000, 4_102_444_800_000] {
            assert_eq!(parse_utc(&machine(at_ms)), Some(at_ms));
        }
        assert_eq!(parse_utc("2026-07-26T12:04"), Some(1_785_067_440_000));
        assert_eq!(parse_utc("2026-07-26T12:04:05.5"), Some(1_785_067_445_500));
        assert_eq!(minute(1_785_067_445_123), "2026-07-26T12:04");
        for text in [
            "",
            "2026-07-26",
            "2026-13-01T00:00",
            "2026-07-26T24:00",
            "x",
            "2026-07-26T12",
            "-1-1-1T1:1",
            "2026-07-26T12:04:05.-50",
        ] {
            assert_eq!(parse_utc(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_to_read_says_its_zone() {
        for (language, wanted) in [
            (Language::English, "26 Jul 2026, 12:04:05 UTC"),
            (Language::German, "26. Juli 2026, 12:04:05 UTC"),
            (Language::Spanish, "26 jul 2026, 12:04:05 UTC"),
        ] {
            assert_eq!(utc(Texts::of(language), 1_785_067_445_123), wanted);
            assert_eq!(Texts::of(language).time_months().split(' ').count(), 12);
        }
    }

    #[test]
    fn durations_read_well() {
        let took_in = |language| [0, 999, 1000, 15_049].map(|duration_ms| took(language, duration_ms));
        assert_eq!(took_in(Language::English), ["0 ms", "999 ms", "1.0 s", "15.0 s"]);
        assert_eq!(took_in(Language::German), ["0 ms", "999 ms", "1,0 s", "15,0 s"]);
        let waits = [0, 5000, 135_000, 3_600_000, 32_805_000, 4 * MS_PER_DAY].map(wait);
        assert_eq!(waits, ["0 s", "5 s", "2 min 15 s", "1 h", "9 h 6 min", "4 d"]);
    }
}
