//! Times as machines write them. Without a word of the crate around it: the fuzzers include this file as it is.

pub const MS_PER_SECOND: i64 = 1000;
pub const MS_PER_DAY: i64 = 86_400_000;

/// A moment in UTC, taken apart.
pub struct Moment {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub ms: i64,
}

impl Moment {
    /// From Unix milliseconds, by the days-to-civil algorithm of Howard Hinnant's "chrono-compatible low-level
    /// date algorithms": years begin in March, so that the leap day is the last.
    pub const fn from_unix_ms(at_ms: i64) -> Self {
        let in_day = at_ms.rem_euclid(MS_PER_DAY);
        let days = at_ms.div_euclid(MS_PER_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Self {
            year,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / MS_PER_SECOND % 60,
            ms: in_day % MS_PER_SECOND,
        }
    }
}

/// The `datetime` of a `<time>`, to the millisecond.
pub fn machine(at_ms: i64) -> String {
    let Moment { year, month, day, hour, minute, second, ms } = Moment::from_unix_ms(at_ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads what [`machine`] writes, and what such an input has: seconds, their fraction and the `Z` may be missing.
pub fn parse_utc(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let numbers = |text: &str, separator: char| -> Option<Vec<i64>> {
        let number =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        text.split(separator).map(number).collect()
    };
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let mut clock = numbers(clock, ':')?;
    if clock.len() == 2 {
        clock.push(0);
    }
    let [hour, minute, second] = clock.try_into().ok()?;
    let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let ms = format!("{fraction:0<3}").get(..3).filter(|_| is_fraction)?.parse::<i64>().ok()?;
    let is_real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_real {
        return None;
    }
    // The same algorithm the other way round.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * MS_PER_DAY + hour * 3_600_000 + minute * 60_000 + second * MS_PER_SECOND + ms)
}
