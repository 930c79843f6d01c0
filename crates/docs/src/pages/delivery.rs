//! The delivery contract: the very file its tests are held against, and the numbers of this server.

use std::fmt::Write as _;

use crate::page::{About, Group};
use crate::settings::DeliverySettings;

pub const ABOUT: About = About {
    name: "delivery",
    title: "Delivery and retries",
    description: "What producers and receivers can rely on: retries, timeouts, order, duplicates, retention.",
    group: Group::Guides,
};

/// The contract as the tests know it.
const CONTRACT: &str = include_str!("../../../app/docs/delivery-contract.md");

/// Attempts that are listed one by one.
const LISTED: u8 = 12;

/// The page's text.
pub fn text(here: &DeliverySettings) -> String {
    let mut text = String::from(include_str!("../../text/delivery.md"));
    schedule(&mut text, here);
    numbers(&mut text, here);
    text.push_str("\n## The contract in full {#contract}\n\n");
    if *here != DeliverySettings::default() {
        text.push_str(
            "> [!IMPORTANT]\n> The numbers here are the usual ones. This server's operator changed some of them: \
             [what counts here](#numbers).\n\n",
        );
    }
    // Its own heading is this section's; its parts are one level down.
    let (_, contract) = CONTRACT.split_once('\n').unwrap_or_default();
    text.push_str(contract.replace("\n## ", "\n### ").trim_start());
    text
}

fn schedule(text: &mut String, here: &DeliverySettings) {
    text.push_str(
        "\n## When attempts are made {#schedule}\n\nIf every attempt fails at once. Each wait varies by up to 10 %, so \
         that deliveries do not all come back at the same moment, and a `Retry-After` of yours is honoured.\n\n\
         | Attempt | Wait before it | After acceptance |\n|---|---|---|\n",
    );
    let mut since = 0;
    let mut attempt: u8 = 1;
    text.push_str("| 1 | none | at once |\n");
    while attempt < LISTED && since < here.retry_deadline_ms {
        let wait = wait_ms(here, attempt).min(here.retry_deadline_ms - since);
        since += wait;
        attempt += 1;
        let _ = writeln!(text, "| {attempt} | {} | {} |", duration(wait), duration(since));
    }
    if since < here.retry_deadline_ms {
        let _ = writeln!(
            text,
            "| … and so on | {} | until {}, when the last attempt is made |",
            duration(here.retry_cap_ms),
            duration(here.retry_deadline_ms)
        );
    }
}

/// The wait after the n-th attempt, as the engine has it, without jitter.
fn wait_ms(here: &DeliverySettings, attempt: u8) -> i64 {
    let wait = here.retry_factor.powi(i32::from(attempt) - 1) * as_f64(here.retry_base_ms);
    if wait >= as_f64(here.retry_cap_ms) { here.retry_cap_ms } else { whole(wait) }
}

fn numbers(text: &mut String, here: &DeliverySettings) {
    text.push_str(
        "\n## The numbers of this server {#numbers}\n\nIts operator can change them.\n\n\
         | Setting | Here | Usually |\n|---|---|---|\n",
    );
    let usual = DeliverySettings::default();
    let count = |count: i64| count.to_string();
    let rows: [(&str, String, String); 11] = [
        ("Wait after the first failed attempt", duration(here.retry_base_ms), duration(usual.retry_base_ms)),
        (
            "Each further wait is longer by a factor of",
            here.retry_factor.to_string(),
            usual.retry_factor.to_string(),
        ),
        ("Longest wait", duration(here.retry_cap_ms), duration(usual.retry_cap_ms)),
        (
            "Last attempt, after acceptance",
            duration(here.retry_deadline_ms),
            duration(usual.retry_deadline_ms),
        ),
        ("Time to connect", duration(here.connect_timeout_ms), duration(usual.connect_timeout_ms)),
        (
            "Time for the whole answer, unless the webhook has its own",
            duration(here.total_timeout_ms),
            duration(usual.total_timeout_ms),
        ),
        (
            "Failures in a row that open an endpoint's breaker",
            count(here.breaker_failures),
            count(usual.breaker_failures),
        ),
        (
            "Probes of a failing endpoint, from and to",
            format!("{} – {}", duration(here.probe_base_ms), duration(here.probe_cap_ms)),
            format!("{} – {}", duration(usual.probe_base_ms), duration(usual.probe_cap_ms)),
        ),
        (
            "A webhook without a success is disabled after",
            duration(here.autodisable_ms),
            duration(usual.autodisable_ms),
        ),
        (
            "Events, deliveries and attempts are kept for",
            duration(here.retention_ms),
            duration(usual.retention_ms),
        ),
        (
            "Requests under way at once: in all, to one endpoint",
            format!("{}, {}", here.slots, here.endpoint_slots),
            format!("{}, {}", usual.slots, usual.endpoint_slots),
        ),
    ];
    for (what, here, usual) in rows {
        let here = if here == usual { here } else { format!("**{here}**") };
        let _ = writeln!(text, "| {what} | {here} | {usual} |");
    }
}

/// A time in its two largest units, for example `1 h 31 m`.
fn duration(ms: i64) -> String {
    const UNITS: [(&str, i64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let Some(first) = UNITS.iter().position(|(_, unit)| ms >= *unit) else { return "0 s".to_owned() };
    let mut parts = Vec::new();
    let mut rest = ms;
    for (name, unit) in UNITS.iter().skip(first).take(2) {
        let count = rest / unit;
        rest %= unit;
        // Below a second nobody asks, but where it is all there is.
        if count > 0 && (*name != "ms" || first == UNITS.len() - 1) {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "waits are far below 2^53 milliseconds")]
const fn as_f64(ms: i64) -> f64 {
    ms as f64
}

#[expect(clippy::cast_possible_truncation, reason = "what is larger than the cap was taken away before")]
const fn whole(ms: f64) -> i64 {
    ms as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_schedule_is_that_of_the_contract() {
        let text = text(&DeliverySettings::default());
        for row in [
            "| 1 | none | at once |",
            "| 2 | 5 s | 5 s |",
            "| 3 | 15 s | 20 s |",
            "| 4 | 45 s | 1 m 5 s |",
            "| 5 | 2 m 15 s | 3 m 20 s |",
            "| 10 | 9 h 6 m | 13 h 40 m |",
            "| 11 | 12 h | 1 d 1 h |",
            "| … and so on | 12 h | until 5 d, when the last attempt is made |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
        assert!(!text.contains("[!IMPORTANT]"));
    }

    #[test]
    fn a_server_with_other_numbers_says_so() {
        let here = DeliverySettings {
            retry_base_ms: 200,
            retry_cap_ms: 1_000,
            retry_deadline_ms: 3_000,
            ..DeliverySettings::default()
        };
        let text = text(&here);
        assert!(text.contains("| Wait after the first failed attempt | **200 ms** | 5 s |"), "{text}");
        assert!(text.contains("| 5 | 1 s | 2 s |\n| 6 | 200 ms | 3 s |\n\n"), "{text}");
        assert!(text.contains("[!IMPORTANT]"));
    }

    #[test]
    fn times_are_short() {
        for (ms, wanted) in [
            (0, "0 s"),
            (200, "200 ms"),
            (1_500, "1 s"),
            (65_000, "1 m 5 s"),
            (86_400_000, "1 d"),
            (90_060_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), wanted);
        }
    }
}
