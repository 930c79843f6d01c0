//! From heartbeats and times of trouble to days. Pure.
//!
//! Nobody writes down that nothing runs. So what lies between two heartbeats, whoever's they are, is downtime: a crash, a
//! clean stop and a machine that slept are all the same to those who waited. Before the first heartbeat nothing is known.

use groundswell_types::{Component, ComponentHistory, ComponentStatus, DayHealth, HEALTH_DAYS};

use crate::store::{HeartbeatRecord, TroubleRecord};

const DAY_MS: i64 = 86_400_000;

/// From a beginning up to an end, in Unix milliseconds.
pub type Span = (i64, i64);

/// The beginning of the first day that is shown, Unix milliseconds.
pub fn first_day_ms(now_ms: i64) -> i64 {
    let back = i64::try_from(HEALTH_DAYS).unwrap_or_default() - 1;
    (now_ms.div_euclid(DAY_MS) - back) * DAY_MS
}

/// When something ran, in order and without overlaps. What is yet to come was noted by a clock that was ahead.
pub fn running(heartbeats: &[HeartbeatRecord], now_ms: i64) -> Vec<Span> {
    until_now(heartbeats.iter().map(|one| (one.began_at_ms, one.last_at_ms)), now_ms)
}

fn until_now(spans: impl Iterator<Item = Span>, now_ms: i64) -> Vec<Span> {
    let begun = spans.filter(|(began_at_ms, _)| *began_at_ms <= now_ms);
    merged(begun.map(|(began_at_ms, until_ms)| (began_at_ms, until_ms.min(now_ms))).collect())
}

/// When nothing ran, between those times.
pub fn downtimes(running: &[Span]) -> Vec<Span> {
    running.windows(2).map(|pair| (pair[0].1, pair[1].0)).collect()
}

/// The days of all components.
pub fn histories(
    heartbeats: &[HeartbeatRecord],
    troubles: &[TroubleRecord],
    now_ms: i64,
) -> Vec<ComponentHistory> {
    let running = running(heartbeats, now_ms);
    let down = downtimes(&running);
    let known = match (running.first(), running.last()) {
        (Some((first, _)), Some((_, last))) => vec![(*first, *last)],
        _ => Vec::new(),
    };
    let of = |component: &Component| {
        let of_status = |status| {
            let of_it =
                troubles.iter().filter(move |one| one.component == *component && one.status == status);
            of_it.map(|one| (one.began_at_ms, one.until_ms))
        };
        let with = |worse: &[Span], status| until_now(worse.iter().copied().chain(of_status(status)), now_ms);
        let major = with(&down, ComponentStatus::MajorOutage);
        let partial = with(&major, ComponentStatus::PartialOutage);
        let degraded = with(&partial, ComponentStatus::DegradedPerformance);
        ComponentHistory { component: *component, days: days(&known, [&major, &partial, &degraded], now_ms) }
    };
    Component::ALL.iter().map(of).collect()
}

/// `partial` has all of `major` in it, and `degraded` all of `partial`.
fn days(known: &[Span], [major, partial, degraded]: [&[Span]; 3], now_ms: i64) -> Vec<DayHealth> {
    let first_ms = first_day_ms(now_ms);
    let [known, major, partial, degraded] =
        [known, major, partial, degraded].map(|spans| by_day(spans, first_ms));
    let day = |at: usize| DayHealth {
        at: first_ms + i64::try_from(at).unwrap_or_default() * DAY_MS,
        known_ms: known[at],
        major_ms: major[at],
        partial_ms: partial[at] - major[at],
        degraded_ms: degraded[at] - partial[at],
    };
    (0..HEALTH_DAYS).map(day).collect()
}

/// How much of each day the spans cover; they do not overlap.
fn by_day(spans: &[Span], first_ms: i64) -> [i64; HEALTH_DAYS] {
    let mut covered = [0; HEALTH_DAYS];
    for (begin, end) in spans {
        let mut at_ms = (*begin).max(first_ms);
        while at_ms < *end {
            let day = (at_ms - first_ms) / DAY_MS;
            let until_ms = (*end).min(first_ms + (day + 1) * DAY_MS);
            let Some(place) = usize::try_from(day).ok().and_then(|day| covered.get_mut(day)) else { break };
            *place += until_ms - at_ms;
            at_ms = until_ms;
        }
    }
    covered
}

/// In order, and those that touch as one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(begin, end)| begin <= end);
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for (begin, end) in spans {
        match merged.last_mut() {
            Some((_, last)) if begin <= *last => *last = end.max(*last),
            _ => merged.push((begin, end)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const NOON_MS: i64 = 20_000 * DAY_MS + DAY_MS / 2;

    fn beat(began_at_ms: i64, last_at_ms: i64) -> HeartbeatRecord {
        HeartbeatRecord { id: began_at_ms, began_at_ms, last_at_ms, waiting: 0, caught_up_at_ms: None }
    }

    fn trouble(
        component: Component,
        status: ComponentStatus,
        (began_at_ms, until_ms): Span,
    ) -> TroubleRecord {
        TroubleRecord { id: began_at_ms, component, status, began_at_ms, until_ms }
    }

    fn of(histories: &[ComponentHistory], component: Component) -> &[DayHealth] {
        &histories.iter().find(|one| one.component == component).expect("all are there").days
    }

    #[test]
    fn before_the_first_heartbeat_nothing_is_known() {
        let histories = histories(&[beat(NOON_MS - 10 * MINUTE_MS, NOON_MS)], &[], NOON_MS);
        assert_eq!(histories.len(), Component::ALL.len());
        let days = of(&histories, Component::Editor);
        assert_eq!(days.len(), HEALTH_DAYS);
        assert!(days[..HEALTH_DAYS - 1].iter().all(|day| day.worst().is_none()));
        let today = DayHealth { at: 20_000 * DAY_MS, known_ms: 10 * MINUTE_MS, ..DayHealth::default() };
        assert_eq!(days[HEALTH_DAYS - 1], today);
        assert_eq!(today.worst(), Some(ComponentStatus::Operational));
        assert_eq!(super::histories(&[], &[], NOON_MS)[0].uptime(), None);
    }

    #[test]
    fn gaps_between_heartbeats_are_downtime_of_everything() {
        // Down over midnight, and twice for a minute.
        let midnight_ms = 20_000 * DAY_MS;
        let heartbeats = [
            beat(midnight_ms - 60 * MINUTE_MS, midnight_ms - 20 * MINUTE_MS),
            beat(midnight_ms + 5 * MINUTE_MS, midnight_ms + 10 * MINUTE_MS),
            beat(midnight_ms + 11 * MINUTE_MS, midnight_ms + 12 * MINUTE_MS),
            beat(midnight_ms + 13 * MINUTE_MS, NOON_MS),
        ];
        let histories = histories(&heartbeats, &[], NOON_MS);
        for component in Component::ALL {
            let days = of(&histories, *component);
            let [yesterday, today] = [days[HEALTH_DAYS - 2], days[HEALTH_DAYS - 1]];
            assert_eq!([yesterday.known_ms, yesterday.major_ms], [60 * MINUTE_MS, 20 * MINUTE_MS]);
            assert_eq!([today.known_ms, today.major_ms], [720 * MINUTE_MS, 7 * MINUTE_MS]);
        }
    }

    #[test]
    fn any_nodes_heartbeat_counts() {
        let heartbeats = [
            beat(NOON_MS - 100, NOON_MS - 40),
            beat(NOON_MS - 60, NOON_MS - 20),
            beat(NOON_MS - 30, NOON_MS),
        ];
        assert_eq!(running(&heartbeats, NOON_MS), [(NOON_MS - 100, NOON_MS)]);
        assert_eq!(downtimes(&running(&heartbeats, NOON_MS)), []);
    }

    #[test]
    fn what_a_clock_that_was_ahead_noted_is_no_downtime_before_it_comes() {
        let ahead_ms = NOON_MS + 300 * DAY_MS;
        let heartbeats = [beat(NOON_MS - 500, NOON_MS + 500), beat(ahead_ms, ahead_ms + 1_000)];
        let troubles = [trouble(Component::Api, ComponentStatus::MajorOutage, (ahead_ms - DAY_MS, ahead_ms))];
        assert_eq!(running(&heartbeats, NOON_MS), [(NOON_MS - 500, NOON_MS)]);
        let histories = histories(&heartbeats, &troubles, NOON_MS);
        for history in &histories {
            let today = history.days[HEALTH_DAYS - 1];
            assert_eq!((today.known_ms, today.lost_ms()), (500, 0));
        }
    }

    #[test]
    fn each_moment_counts_once_as_the_worst_it_was() {
        let heartbeats = [beat(NOON_MS - 1_000, NOON_MS - 500), beat(NOON_MS - 400, NOON_MS)];
        let troubles = [
            trouble(Component::Api, ComponentStatus::DegradedPerformance, (NOON_MS - 800, NOON_MS - 300)),
            trouble(Component::Api, ComponentStatus::PartialOutage, (NOON_MS - 600, NOON_MS - 350)),
            trouble(Component::Api, ComponentStatus::MajorOutage, (NOON_MS - 550, NOON_MS - 450)),
        ];
        let histories = histories(&heartbeats, &troubles, NOON_MS);
        let today = of(&histories, Component::Api)[HEALTH_DAYS - 1];
        // Down from 500 to 400 before, failing from 550 on: 150. Partly from 600 to 350, of which 150 are more. Slow the rest.
        assert_eq!([today.major_ms, today.partial_ms, today.degraded_ms], [150, 100, 250]);
        assert_eq!(today.worst(), Some(ComponentStatus::MajorOutage));
        let editor = of(&histories, Component::Editor)[HEALTH_DAYS - 1];
        assert_eq!([editor.major_ms, editor.partial_ms, editor.degraded_ms], [100, 0, 0]);
    }

    #[test]
    fn only_ninety_days_are_shown_and_days_of_downtime_are_whole() {
        let heartbeats =
            [beat(NOON_MS - 200 * DAY_MS, NOON_MS - 3 * DAY_MS), beat(NOON_MS - DAY_MS, NOON_MS)];
        let histories = histories(&heartbeats, &[], NOON_MS);
        let days = of(&histories, Component::Events);
        assert_eq!(days[0].at, first_day_ms(NOON_MS));
        assert_eq!(days.iter().map(|day| day.known_ms).sum::<i64>(), 89 * DAY_MS + DAY_MS / 2);
        let down: Vec<i64> = days.iter().rev().take(5).map(|day| day.major_ms).collect();
        assert_eq!(down, [0, DAY_MS / 2, DAY_MS, DAY_MS / 2, 0]);
    }
}
