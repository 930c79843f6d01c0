//! Deliveries that were given up, told of all together: for each webhook at most once in a period. The numbers are those of the
//! charts, so a crash may lose the last minute's; the log knows better, and the letter leads there.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::outbox::KEPT_MS;
use super::{Content, Told};
use crate::activity::{HOUR_MS, hour_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DigestRecord, EndpointId, HourRecord};

/// Webhooks asked for at once.
const STEP: usize = 64;

impl Engine {
    pub(super) async fn write_digests(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        let now_ms = self.clock.now_ms();
        let period_ms = self.config.telling.digest_ms;
        // A quarter of the period, or ten minutes, is soon enough.
        if !self.telling.digests.is_time(now_ms, (period_ms / 4).min(600_000)) {
            return Ok(());
        }
        let before = self.store.digests().await?.into_iter();
        let before: HashMap<EndpointId, DigestRecord> = before.map(|one| (one.endpoint_id, one)).collect();
        let since_ms = now_ms.saturating_sub(period_ms);
        let due: Vec<Due> = self
            .directory
            .all_endpoints()
            .into_iter()
            .map(|endpoint_id| {
                if let Some(digest) = before.get(&endpoint_id) {
                    return Due { digest: since(*digest, since_ms), is_first: IsFirst::No };
                }
                let digest =
                    DigestRecord { endpoint_id, hour: hour_of(since_ms), counted: 0, at_ms: since_ms };
                Due { digest, is_first: IsFirst::Yes }
            })
            .filter(|due| due.digest.at_ms <= since_ms)
            .collect();
        for some in due.chunks(STEP) {
            self.write_some_digests(some, now_ms, stop).await?;
        }
        Ok(())
    }

    async fn write_some_digests(
        &self,
        some: &[Due],
        now_ms: i64,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        let endpoints: Vec<EndpointId> = some.iter().map(|due| due.digest.endpoint_id).collect();
        let Some(first_hour) = some.iter().map(|due| due.digest.hour).min() else { return Ok(()) };
        let hours = self.hours(&endpoints, first_hour).await?;
        for due in some.iter().take_while(|_| !stop.is_cancelled()) {
            let digest = due.digest;
            let of_this = hours.iter().filter(|one| one.endpoint_id == digest.endpoint_id);
            let Some((count, next)) = counted(digest, of_this, now_ms) else { continue };
            let Some(endpoint) = self.directory.endpoint(digest.endpoint_id) else { continue };
            let since_ms = digest.at_ms.max(digest.hour * HOUR_MS);
            let content = |about| Content::Digest { about, count, since_ms, until_ms: now_ms };
            let told = Told { key: due.key(count), notice: None, digest: Some(next) };
            self.tell_of(&endpoint, content, told).await?;
        }
        Ok(())
    }
}

/// Whether a webhook had no digest yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsFirst {
    Yes,
    No,
}

/// Where a digest goes on from that is to be written.
#[derive(Debug, Clone, Copy)]
struct Due {
    digest: DigestRecord,
    is_first: IsFirst,
}

impl Due {
    /// What keeps it from being announced once more when it could not be noted that it was. Where the first one of a webhook
    /// begins is not stored and moves with the clock, so it has no part in it. One that is written once more after a crash may
    /// count more; it is another one then.
    fn key(&self, count: i64) -> String {
        let DigestRecord { endpoint_id, at_ms, .. } = self.digest;
        match self.is_first {
            IsFirst::Yes => format!("digest {} first {count}", endpoint_id.0),
            IsFirst::No => format!("digest {} {at_ms} {count}", endpoint_id.0),
        }
    }
}

/// A webhook of which nothing was given up for long has an old digest. Letters may have waited for [`KEPT_MS`] for others to be
/// sent; what is older was looked at, or is no news. So an old digest does not have all hours since then read.
fn since(digest: DigestRecord, since_ms: i64) -> DigestRecord {
    let oldest = hour_of(since_ms.saturating_sub(KEPT_MS));
    if digest.hour >= oldest { digest } else { DigestRecord { hour: oldest, counted: 0, ..digest } }
}

/// How many were given up since a digest, and where the next one goes on; none when there were none.
fn counted<'a>(
    digest: DigestRecord,
    hours: impl Iterator<Item = &'a HourRecord>,
    now_ms: i64,
) -> Option<(i64, DigestRecord)> {
    let this_hour = hour_of(now_ms).max(digest.hour);
    // An hour may come in two parts, of what is stored and of what is not yet.
    let (mut of_first_hour, mut later, mut of_this_hour) = (0, 0, 0);
    for one in hours.filter(|one| one.hour >= digest.hour) {
        let part = if one.hour == digest.hour { &mut of_first_hour } else { &mut later };
        *part += one.count.undeliverable;
        if one.hour >= this_hour {
            of_this_hour += one.count.undeliverable;
        }
    }
    // The hour that was told of in part may be forgotten by now; that takes nothing from later ones.
    let count = (of_first_hour - digest.counted).max(0) + later;
    let next = DigestRecord { hour: this_hour, counted: of_this_hour, at_ms: now_ms, ..digest };
    (count > 0).then_some((count, next))
}

/// When something was looked for last that need not be looked for all the time.
#[derive(Debug, Default)]
pub(super) struct Looked(std::sync::atomic::AtomicI64);

impl Looked {
    /// Whether that was so long ago; then it is done now.
    pub(super) fn is_time(&self, now_ms: i64, every_ms: i64) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        let is_time = now_ms.saturating_sub(self.0.load(Relaxed)) >= every_ms;
        if is_time {
            self.0.store(now_ms, Relaxed);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::HourCount;

    use super::*;

    fn hour(hour: i64, undeliverable: i64) -> HourRecord {
        let count = HourCount { undeliverable, ..HourCount::default() };
        HourRecord { endpoint_id: EndpointId(1), hour, count }
    }

    #[test]
    fn the_first_digest_has_the_same_key_however_late_it_is_noted() {
        let due = |at_ms, is_first| {
            let digest = DigestRecord { endpoint_id: EndpointId(1), hour: hour_of(at_ms), counted: 0, at_ms };
            Due { digest, is_first }
        };
        let first = due(5, IsFirst::Yes).key(3);
        assert_eq!(due(5 + 2 * HOUR_MS, IsFirst::Yes).key(3), first);
        assert_ne!(due(5, IsFirst::Yes).key(4), first);
        assert_ne!(due(5, IsFirst::No).key(3), due(6, IsFirst::No).key(3), "the next one is another");
    }

    #[test]
    fn an_old_digest_has_only_the_hours_read_that_are_still_news() {
        let digest = DigestRecord { endpoint_id: EndpointId(1), hour: 10, counted: 4, at_ms: 10 * HOUR_MS };
        assert_eq!(since(digest, 82 * HOUR_MS), digest);
        let later = since(digest, 1000 * HOUR_MS);
        assert_eq!((later.hour, later.counted, later.at_ms), (928, 0, digest.at_ms));
    }

    #[test]
    fn each_delivery_that_was_given_up_is_told_of_once() {
        let begin = DigestRecord { endpoint_id: EndpointId(1), hour: 10, counted: 0, at_ms: 10 * HOUR_MS };
        // What was before the beginning does not count.
        let mut hours = vec![hour(9, 5), hour(10, 2), hour(11, 1)];
        let (count, next) = counted(begin, hours.iter(), 11 * HOUR_MS + 5).expect("there were some");
        assert_eq!((count, next.hour, next.counted), (3, 11, 1));
        assert_eq!(counted(next, hours.iter(), 11 * HOUR_MS + 6), None);
        // More of the same hour, and a clock that went back meanwhile.
        hours[2] = hour(11, 4);
        let (count, next) = counted(next, hours.iter(), 10 * HOUR_MS).expect("there were some");
        assert_eq!((count, next.hour, next.counted), (3, 11, 4));
        hours.push(hour(12, 7));
        assert_eq!(counted(next, hours.iter(), 13 * HOUR_MS).map(|(count, _)| count), Some(7));
    }

    #[test]
    fn it_is_time_at_first_and_then_not_before_the_time_has_passed() {
        let looked = Looked::default();
        let times = [1_000_000, 1_000_001, 1_000_099, 1_000_100, 1_000_199, 1_000_300];
        let is_time = times.map(|now_ms| looked.is_time(now_ms, 100));
        assert_eq!(is_time, [true, false, false, true, false, true]);
    }

    #[test]
    fn what_was_told_of_in_an_hour_that_is_forgotten_takes_nothing_from_later_ones() {
        let told = DigestRecord { endpoint_id: EndpointId(1), hour: 10, counted: 50, at_ms: 10 * HOUR_MS };
        let (count, next) = counted(told, [hour(970, 30)].iter(), 971 * HOUR_MS).expect("there were some");
        assert_eq!((count, next.hour, next.counted), (30, 971, 0));
        let parts = [hour(10, 49), hour(10, 2), hour(12, 1)];
        assert_eq!(counted(told, parts.iter(), 12 * HOUR_MS).map(|(count, _)| count), Some(2));
    }
}
