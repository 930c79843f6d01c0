//! The page's words.

use groundswell_types::{Component, ComponentStatus, DayHealth};

use crate::texts::Texts;
use crate::time;
use crate::words::Tone;

/// How a status looks.
pub fn tone(status: ComponentStatus) -> Tone {
    match status {
        ComponentStatus::Operational => Tone::Ok,
        ComponentStatus::UnderMaintenance => Tone::Info,
        ComponentStatus::DegradedPerformance => Tone::Warn,
        ComponentStatus::PartialOutage | ComponentStatus::MajorOutage => Tone::Error,
    }
}

/// A status of one component.
pub fn status(texts: Texts, status: ComponentStatus) -> (Tone, &'static str) {
    let word = match status {
        ComponentStatus::Operational => texts.status_operational(),
        ComponentStatus::UnderMaintenance => texts.status_maintenance(),
        ComponentStatus::DegradedPerformance => texts.status_degraded(),
        ComponentStatus::PartialOutage => texts.status_partial(),
        ComponentStatus::MajorOutage => texts.status_major(),
    };
    (tone(status), word)
}

/// The worst status of all components.
pub fn overall(texts: Texts, worst: ComponentStatus) -> &'static str {
    match worst {
        ComponentStatus::Operational => texts.status_all_operational(),
        ComponentStatus::UnderMaintenance => texts.status_some_maintenance(),
        ComponentStatus::DegradedPerformance => texts.status_some_degraded(),
        ComponentStatus::PartialOutage => texts.status_some_partial(),
        ComponentStatus::MajorOutage => texts.status_some_major(),
    }
}

/// A component's name, and what it means that it works.
pub fn component(texts: Texts, component: Component) -> (&'static str, &'static str) {
    match component {
        Component::Events => (texts.status_events(), texts.status_events_means()),
        Component::Delivery => (texts.status_delivery(), texts.status_delivery_means()),
        Component::RetryQueue => (texts.status_retry_queue(), texts.status_retry_queue_means()),
        Component::Editor => (texts.status_editor(), texts.status_editor_means()),
        Component::Api => (texts.status_api(), texts.status_api_means()),
    }
}

/// A share in hundredths of a percent.
pub fn percent(texts: Texts, share: i64) -> String {
    let mark = texts.language().decimal_mark();
    let number =
        if share == 10_000 { "100".to_owned() } else { format!("{}{mark}{:02}", share / 100, share % 100) };
    texts.status_percent(&number)
}

/// A count that stopped there.
pub fn up_to(texts: Texts, count: i64) -> String {
    format!("{}+", texts.language().number(count))
}

/// How long something took; what is shorter than a second is one.
pub fn long(duration_ms: i64) -> String {
    time::wait(duration_ms.max(1).saturating_add(999) / 1000 * 1000)
}

/// How a day was.
pub fn day(texts: Texts, day: &DayHealth) -> String {
    let parts = [
        (day.major_ms, texts.status_day_major(&long(day.major_ms))),
        (day.partial_ms, texts.status_day_partial(&long(day.partial_ms))),
        (day.degraded_ms, texts.status_day_degraded(&long(day.degraded_ms))),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(ms, _)| *ms > 0).map(|(_, said)| said).collect();
    match day.worst() {
        None => texts.status_no_data().to_owned(),
        Some(ComponentStatus::Operational) => texts.status_day_fine().to_owned(),
        Some(_) => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_day_is_said_with_all_that_was_wrong() {
        let texts = Texts::of(Language::English);
        let of = |major_ms, partial_ms, degraded_ms| DayHealth {
            known_ms: 86_400_000,
            major_ms,
            partial_ms,
            degraded_ms,
            ..DayHealth::default()
        };
        assert_eq!(day(texts, &DayHealth::default()), "no data");
        assert_eq!(day(texts, &of(0, 0, 0)), "no interruption");
        assert_eq!(day(texts, &of(90_000, 0, 1)), "down 1 min 30 s, slow for 1 s");
        assert_eq!(day(texts, &of(0, 3_600_000, 0)), "failing in part for 1 h");
    }

    #[test]
    fn shares_are_written_as_the_language_writes_them() {
        for (language, wanted) in [
            (Language::English, ["100%", "99.90%", "0.00%"]),
            (Language::German, ["100 %", "99,90 %", "0,00 %"]),
            (Language::Spanish, ["100 %", "99,90 %", "0,00 %"]),
        ] {
            assert_eq!([10_000, 9_990, 0].map(|share| percent(Texts::of(language), share)), wanted);
        }
    }
}
