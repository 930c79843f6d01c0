//! Delivery from PostgreSQL while somebody holds an old snapshot, as a report or a dump does: what is deleted meanwhile cannot
//! be cleared away. Whether that slows anything down, and whether the room comes back afterwards.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use private_postgres::Server as PostgreSql;

use super::{Aim, Findings};
use crate::ledger::{Fate, Ledger};
use crate::load::{Broken, Schedule, open_loop};
use crate::measure::{Settings, drain, signed};
use crate::numbers::{float, percentile, whole};
use crate::receiver::Receiver;
use crate::subject::{Subject, Webhook};

/// Of what is delivered without the snapshot.
const THROUGHPUT_AT_LEAST: f64 = 0.8;

/// Of the hot table at the end, to what it had before.
const SIZE_AT_MOST: f64 = 1.5;

/// Connections of the open loop.
const CONNECTIONS: usize = 64;

/// Caches and connections are warm by then; it counts as no part of what was before.
const WARM_UP: Duration = Duration::from_secs(5);

/// Between two looks at the sizes.
const LOOK: Duration = Duration::from_secs(2);

/// Rows that come and go, or change all the time, besides those of `pending`.
const OTHERS: [&str; 4] = ["lease", "node", "endpoint_state", "emitted"];

/// Bytes of the table's rows and of its indexes, and how many of its rows wait to be cleared away.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    rows_kib: u64,
    indexes_kib: u64,
    dead: u64,
}

/// When each part begins, since the ledger was opened.
#[derive(Debug, Clone, Copy)]
struct Times {
    begin: Duration,
    held: Duration,
    let_go: Duration,
    end: Duration,
}

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let (per_second, total) = (settings.sizes.bloat_rate, Duration::from_secs(settings.sizes.bloat_seconds));
    let hold = Duration::from_secs(settings.sizes.held_seconds);
    ensure!(total > hold + 2 * WARM_UP, "--bloat-seconds must leave time before and after --held-seconds");
    let directory = settings.scratch()?;
    let postgres = PostgreSql::start();
    let database = postgres.create(None);
    let url = [("GROUNDSWELL_DATABASE_URL", postgres.url(&database))];
    let server = Subject::server_with(&settings.server, directory.path(), &url)?;
    let events = u64::from(per_second) * (total.as_secs() + 2);
    let ledger = Arc::new(Ledger::new(events));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let target = server.program(&receiver.url(), Webhook::Enabled)?;
    let schedule = Schedule { per_second, time: total, broken: Broken::Fails };

    let watcher = Watcher { postgres: &postgres, database: &database, ledger: &ledger, total, hold };
    let (times, sizes) = thread::scope(|scope| {
        let posting = scope.spawn(|| open_loop(&target, &ledger, CONNECTIONS, schedule));
        let seen = watcher.watch();
        posting.join().map_err(|_| anyhow!("the generator panicked"))??;
        seen
    })?;
    drain(&ledger);
    thread::sleep(Duration::from_secs(1));
    report(findings, (&ledger, times), &sizes)?;
    for table in OTHERS {
        let Some(size) = watcher.size(table)? else { continue };
        findings.told(format!("{table} at the end"), float(size.rows_kib + size.indexes_kib) / 1024.0, "MB");
    }
    server.kill()?;
    findings.audited("bloat", ledger.audit(Fate::Arrives));
    Ok(())
}

/// Holds the snapshot for its time, and looks at the sizes meanwhile.
struct Watcher<'a> {
    postgres: &'a PostgreSql,
    database: &'a str,
    ledger: &'a Ledger,
    total: Duration,
    hold: Duration,
}

impl Watcher<'_> {
    fn watch(&self) -> Result<(Times, Vec<(Duration, Size)>)> {
        let begin = self.ledger.elapsed() + WARM_UP;
        // A third of what is left is before it, so that the room has time to come back.
        let free = self.total.saturating_sub(self.hold + WARM_UP);
        let held = begin + free / 3;
        let let_go = held + self.hold;
        let end = let_go + free * 2 / 3;
        let mut sizes = Vec::new();
        thread::scope(|scope| {
            let (held_tells, is_over) = mpsc::channel::<()>();
            scope.spawn(move || {
                thread::sleep(held.saturating_sub(self.ledger.elapsed()));
                // A snapshot of a transaction of its own, whatever it does with it.
                let statement = format!(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT COUNT(*) FROM program; \
                     SELECT pg_sleep({}); COMMIT",
                    self.hold.as_secs()
                );
                self.postgres.sql(self.database, &statement);
                drop(held_tells);
            });
            while self.ledger.elapsed() < end {
                sizes.push((self.ledger.elapsed(), self.size("pending")?.context("the hot table is there")?));
                thread::sleep(LOOK.min(end.saturating_sub(self.ledger.elapsed())));
            }
            ensure!(
                is_over.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected),
                "the snapshot was held for longer than it was to be"
            );
            Ok(())
        })?;
        Ok((Times { begin, held, let_go, end }, sizes))
    }

    /// None of a table that there is not.
    fn size(&self, table: &str) -> Result<Option<Size>> {
        let statement = format!(
            "SELECT pg_table_size(relid) / 1024, pg_indexes_size(relid) / 1024, n_dead_tup
             FROM pg_stat_user_tables WHERE relname = '{table}'"
        );
        let answer = self.postgres.sql(self.database, &statement);
        if answer.is_empty() {
            return Ok(None);
        }
        let mut numbers = answer.split('|').map(|number| number.trim().parse::<u64>());
        let mut next = || numbers.next().context("three numbers")?.context("a number");
        Ok(Some(Size { rows_kib: next()?, indexes_kib: next()?, dead: next()? }))
    }
}

fn report(
    findings: &mut Findings,
    (ledger, times): (&Ledger, Times),
    sizes: &[(Duration, Size)],
) -> Result<()> {
    let arrivals = ledger.arrival_times();
    let rate = |from: Duration, to: Duration| {
        let is_within = |at: &&f64| (from.as_secs_f64()..to.as_secs_f64()).contains(*at);
        float(whole(arrivals.iter().filter(is_within).count())) / to.saturating_sub(from).as_secs_f64()
    };
    let parts = [
        ("before", times.begin, times.held),
        ("while a snapshot is held", times.held, times.let_go),
        ("afterwards", times.let_go, times.end),
    ];
    let rates = parts.map(|(_, from, to)| rate(from, to));
    for ((name, from, to), rate) in parts.iter().zip(rates) {
        findings.told(format!("delivered {name}"), rate, "/s");
        let late = ledger.latencies_between(*from, *to);
        let p99 = percentile(&late, 99).with_context(|| format!("nothing arrived {name}"))?;
        findings.told(format!("from post to arrival {name}, p99"), float(p99) / 1000.0, "ms");
    }
    let held = "throughput while it is held / before";
    findings.aimed(held, (rates[1] / rates[0], ""), Aim::AtLeast(THROUGHPUT_AT_LEAST));
    let before = sizes.iter().rev().find(|(at, _)| *at < times.held).context("nobody looked before")?.1;
    let most = |value: fn(&Size) -> u64| sizes.iter().map(|(_, size)| value(size)).max().unwrap_or_default();
    let last = sizes.last().context("nobody looked at the end")?.1;
    let mb = |kib: u64| float(kib) / 1024.0;
    for (name, value) in [
        ("rows of the hot table", (|size| size.rows_kib) as fn(&Size) -> u64),
        ("its indexes", |size| size.indexes_kib),
    ] {
        findings.told(format!("{name} before"), mb(value(&before)), "MB");
        findings.told(format!("{name} at most"), mb(most(value)), "MB");
        findings.told(format!("{name} at the end"), mb(value(&last)), "MB");
    }
    findings.told("rows that wait to be cleared away, at most", float(most(|size| size.dead)), "");
    let title = "rows of the hot table at the end / before";
    let ratio = mb(last.rows_kib) / mb(before.rows_kib).max(1.0);
    findings.aimed(title, (ratio, ""), Aim::AtMost(SIZE_AT_MOST));
    Ok(())
}
