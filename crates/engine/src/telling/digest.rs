//! Deliveries that were given up, told of all together: for each webhook at most once in a period. The numbers are those of the
//! charts, so a crash may lose the last minute's; the log knows better, and the letter leads there.

use super::Content;
use crate::activity::{HOUR_MS, hour_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DigestRecord, EndpointId, HourRecord};

/// Webhooks asked for at once.
const STEP: usize = 64;

impl Engine {
    pub(super) async fn write_digests(&self) -> Result<(), EngineError> {
        let now_ms = self.clock.now_ms();
        let period_ms = self.config.telling.digest_ms;
        if !self.telling.digests.is_time(now_ms, period_ms) {
            return Ok(());
        }
        let before = self.store.digests().await?;
        let of = |id: EndpointId| before.iter().find(|one| one.endpoint_id == id).copied();
        let since_ms = now_ms.saturating_sub(period_ms);
        let due: Vec<DigestRecord> = self
            .directory
            .all_endpoints()
            .into_iter()
            .map(|endpoint_id| {
                let first =
                    DigestRecord { endpoint_id, hour: hour_of(since_ms), counted: 0, at_ms: since_ms };
                of(endpoint_id).unwrap_or(first)
            })
            .filter(|digest| digest.at_ms <= since_ms)
            .collect();
        for digests in due.chunks(STEP) {
            self.write_some_digests(digests, now_ms).await?;
        }
        Ok(())
    }

    async fn write_some_digests(&self, digests: &[DigestRecord], now_ms: i64) -> Result<(), EngineError> {
        let endpoints: Vec<EndpointId> = digests.iter().map(|digest| digest.endpoint_id).collect();
        let Some(first_hour) = digests.iter().map(|digest| digest.hour).min() else { return Ok(()) };
        let hours = self.hours(&endpoints, first_hour).await?;
        for digest in digests {
            let of_this = hours.iter().filter(|one| one.endpoint_id == digest.endpoint_id);
            let Some((count, next)) = counted(*digest, of_this, now_ms) else { continue };
            let Some(endpoint) = self.directory.endpoint(digest.endpoint_id) else { continue };
            let since_ms = digest.at_ms.max(digest.hour * HOUR_MS);
            let content = |about| Content::Digest { about, count, since_ms, until_ms: now_ms };
            // A digest that is written once more after a crash may count more; it is another one then.
            let key = format!("digest {} {} {}", digest.endpoint_id.0, digest.at_ms, count);
            let mut posting = self.telling_of(&endpoint, content, key).await?;
            posting.digest = Some(next);
            self.store.post(&posting).await?;
        }
        Ok(())
    }
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

/// When digests were looked for last: a quarter of the period, or ten minutes, is soon enough.
#[derive(Debug, Default)]
pub(super) struct Looked(std::sync::atomic::AtomicI64);

impl Looked {
    fn is_time(&self, now_ms: i64, period_ms: i64) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        let is_time = now_ms.saturating_sub(self.0.load(Relaxed)) >= (period_ms / 4).min(600_000);
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
    fn what_was_told_of_in_an_hour_that_is_forgotten_takes_nothing_from_later_ones() {
        let told = DigestRecord { endpoint_id: EndpointId(1), hour: 10, counted: 50, at_ms: 10 * HOUR_MS };
        let (count, next) = counted(told, [hour(970, 30)].iter(), 971 * HOUR_MS).expect("there were some");
        assert_eq!((count, next.hour, next.counted), (30, 971, 0));
        let parts = [hour(10, 49), hour(10, 2), hour(12, 1)];
        assert_eq!(counted(told, parts.iter(), 12 * HOUR_MS).map(|(count, _)| count), Some(2));
    }
}
