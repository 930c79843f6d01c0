//! Whether the clock is right. Signatures carry the time, and receivers refuse what is off by minutes; ids are made by it.

use std::time::UNIX_EPOCH;

use groundswell_engine::store::inspection::Inspection;

use super::Finding;

/// 2025-01-01T00:00:00Z. Before this program was made no clock can be right.
const EARLIEST_MS: i64 = 1_735_689_600_000;

/// Receivers usually allow five minutes; a warning comes long before that.
const DOUBTFUL_OFF_MS: i64 = 10_000;

const WRONG_OFF_MS: i64 = 120_000;

const NAME: &str = "clock";

const ADVICE: &str = "Set it and keep it right, for example with `timedatectl set-ntp true`: receivers refuse signatures from \
                      another time, and retries come when it says.";

/// The clock beside all others that are known: that of a server that answered (`date`, as in HTTP), of the database, and
/// what the database was last written by.
pub fn examine(now_ms: i64, date: Option<&str>, database: Option<&Inspection>) -> Finding {
    if now_ms < EARLIEST_MS {
        return Finding::fail(NAME, "the clock is before 2025", ADVICE);
    }
    // A date in HTTP has no milliseconds.
    let server = date.and_then(of_http).map(|theirs_ms| ("the running server's", now_ms - theirs_ms - 500));
    let clocks = database.and_then(|found| found.clocks_ms);
    let of_database = clocks.map(|(theirs_ms, ours_ms)| ("the database's", ours_ms - theirs_ms));
    // Behind what was written is wrong; before it, time has passed.
    let newest = database.and_then(|found| found.newest_at_ms);
    let behind = newest.map(|newest_ms| ("the newest entry of the database", (now_ms - newest_ms).min(0)));
    let known: Vec<(&str, i64)> = [server, of_database, behind].into_iter().flatten().collect();
    let Some((whose, off_ms)) = known.iter().max_by_key(|(_, off_ms)| off_ms.abs()) else {
        return Finding::ok(NAME, "the clock is plausible; there is no other one to compare it with");
    };
    let direction = if *off_ms < 0 { "behind" } else { "ahead of" };
    let said = format!("the clock is {} s {direction} {whose}", off_ms.abs() / 1000);
    match off_ms.abs() {
        WRONG_OFF_MS.. => Finding::fail(NAME, said, ADVICE),
        DOUBTFUL_OFF_MS.. => Finding::warn(NAME, said, ADVICE),
        _ => {
            let whose: Vec<&str> = known.iter().map(|(whose, _)| *whose).collect();
            Finding::ok(NAME, format!("the clock agrees with {}", whose.join(" and ")))
        }
    }
}

fn of_http(date: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(date).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    /// 2026-03-01T00:00:00Z
    const NOW_MS: i64 = 1_772_323_200_000;

    #[test]
    fn a_clock_is_compared_with_a_servers() {
        let date = "Sun, 01 Mar 2026 00:00:00 GMT";
        let level = |now_ms, date| examine(now_ms, date, None).level;
        assert_eq!(level(0, None), Level::Fail);
        assert_eq!(level(NOW_MS, None), Level::Ok);
        assert_eq!(level(NOW_MS + 999, Some(date)), Level::Ok);
        assert_eq!(level(NOW_MS - 20_000, Some(date)), Level::Warn);
        assert_eq!(level(NOW_MS + 600_000, Some(date)), Level::Fail);
    }

    #[test]
    fn a_clock_is_compared_with_the_databases_and_with_what_it_has() {
        let of = |inspection: Inspection| examine(NOW_MS, None, Some(&inspection));
        let clock = |theirs_ms| Inspection { clocks_ms: Some((theirs_ms, NOW_MS)), ..Inspection::default() };
        assert_eq!(of(clock(NOW_MS + 100)).level, Level::Ok);
        assert_eq!(of(clock(NOW_MS - 11_000)).level, Level::Warn);
        let off = of(clock(NOW_MS + 600_000));
        assert_eq!((off.level, &*off.said), (Level::Fail, "the clock is 600 s behind the database's"));
        let newest = |at_ms| Inspection { newest_at_ms: Some(at_ms), ..Inspection::default() };
        assert_eq!(of(newest(NOW_MS - 86_400_000)).level, Level::Ok, "nothing happened for a day");
        let jumped = of(newest(NOW_MS + 7_200_000));
        assert!(
            jumped.level == Level::Fail && jumped.said.ends_with("behind the newest entry of the database")
        );
    }
}
