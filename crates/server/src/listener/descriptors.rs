//! File descriptors: a connection needs one, and so does everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More connections than this are not taken, however many descriptors there are.
const MOST_CONNECTIONS: u64 = 20_000;

/// What deliveries, their idle connections, and the database's files need beside the connections that come in.
const OTHERS: u64 = 4_096;

/// A server whose limit is lower can have fewer connections than people expect.
const EXPECTED: u64 = 10_000 + OTHERS;

/// Raises the soft limit as far as the hard one lets it, and says how many connections it is for. Warns when that is few.
pub fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is more than is ever needed.
    let wanted = maximum.unwrap_or(u64::MAX).min(MOST_CONNECTIONS + OTHERS);
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < wanted && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        limit = wanted;
    }
    let connections = connections(limit);
    if limit < EXPECTED {
        tracing::warn!(
            file_descriptors = limit,
            connections,
            "few file descriptors are allowed, so there can be few connections; raise the limit (`ulimit -n`, LimitNOFILE)"
        );
    }
    usize::try_from(connections).expect("few enough")
}

/// The others have theirs first, but of few descriptors no more than half.
const fn connections(limit: u64) -> u64 {
    let others = if limit < 2 * OTHERS { limit / 2 } else { OTHERS };
    let connections = limit - others;
    if connections > MOST_CONNECTIONS { MOST_CONNECTIONS } else { connections }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        for (limit, wanted) in [
            (1_024, 512),
            (8_192, 4_096),
            (14_096, 10_000),
            (20_000, 15_904),
            (1_048_576, 20_000),
            (u64::MAX, 20_000),
        ] {
            assert_eq!(connections(limit), wanted, "{limit}");
        }
    }
}
