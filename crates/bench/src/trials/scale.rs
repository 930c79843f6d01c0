//! What one, two and four servers take of one PostgreSQL for an event that is accepted and delivered: its processor time and its
//! statements. How far one PostgreSQL goes follows from that.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use private_postgres::Server as PostgreSql;

use super::Findings;
use super::nodes::SECRETS_KEY;
use crate::busy;
use crate::ledger::{Fate, Ledger};
use crate::load::{Until, closed_loop};
use crate::measure::{Settings, drain, signed};
use crate::numbers::float;
use crate::receiver::Receiver;
use crate::subject::{Subject, Webhook};

const SERVERS: [usize; 3] = [1, 2, 4];

/// Programs with a webhook each; each is posted to through one server.
const PROGRAMS: usize = 8;

/// For each program.
const CONNECTIONS: usize = 8;

/// Connections and statements are warm by then.
const WARM_UP: Duration = Duration::from_secs(3);

/// More than is ever posted in a second.
const PER_SECOND: u64 = 20_000;

const SHARDS: f64 = 256.0;

/// How long servers may take to divide the shards.
const LOOKS_AT_BALANCE: usize = 600;

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let postgres =
        PostgreSql::with("-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=all");
    for servers in SERVERS {
        look(settings, findings, (&postgres, servers))?;
    }
    Ok(())
}

/// What has been taken so far.
struct Taken {
    at: Duration,
    arrived: u64,
    /// Processor time.
    database: Duration,
    servers: Duration,
    statements: f64,
    transactions: f64,
}

fn look(settings: &Settings, findings: &mut Findings, (postgres, count): (&PostgreSql, usize)) -> Result<()> {
    let database = postgres.create(None);
    postgres.sql(&database, "CREATE EXTENSION pg_stat_statements");
    let own = [
        ("GROUNDSWELL_DATABASE_URL", postgres.url(&database)),
        ("GROUNDSWELL_SECRETS_KEY", SECRETS_KEY.to_owned()),
    ];
    let mut directories = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..count {
        let directory = settings.scratch()?;
        servers.push(Subject::server_with(&settings.server, directory.path(), &own)?);
        directories.push(directory);
    }
    balance(&servers)?;
    let time = settings.sizes.time() + WARM_UP;
    let ledger = Arc::new(Ledger::new(PER_SECOND * time.as_secs()));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let mut targets = Vec::new();
    for place in 0..PROGRAMS {
        let program = servers[0].create(&[receiver.url()], Webhook::Enabled)?;
        targets.push(servers[place % count].events_of(&program));
    }
    let taken = || -> Result<Taken> {
        let first =
            postgres.sql(&database, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
        let postmaster = busy::parent(first.trim().parse()?).context("the database's processes are seen")?;
        let number =
            |statement: &str| -> Result<f64> { Ok(postgres.sql(&database, statement).trim().parse()?) };
        let of_database = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        Ok(Taken {
            at: ledger.elapsed(),
            arrived: ledger.arrived_count(),
            database: busy::of_family(postmaster),
            servers: servers.iter().filter_map(|server| busy::of_process(server.id())).sum(),
            statements: number(&format!(
                "SELECT COALESCE(SUM(calls), 0) FROM pg_stat_statements WHERE toplevel AND {of_database}"
            ))?,
            transactions: number(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()",
            )?,
        })
    };
    let until = Until::Elapsed(time);
    let (before, after) = thread::scope(|scope| {
        let posting: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(|| closed_loop(target, &ledger, CONNECTIONS, until)))
            .collect();
        thread::sleep(WARM_UP.saturating_sub(ledger.elapsed()));
        let before = taken()?;
        thread::sleep(time.saturating_sub(ledger.elapsed()));
        let after = taken()?;
        for posting in posting {
            posting.join().map_err(|_| anyhow!("the generator panicked"))??;
        }
        anyhow::Ok((before, after))
    })?;
    drain(&ledger);
    report(findings, count, (&before, &after));
    findings.audited("scale", ledger.audit(Fate::Arrives));
    servers.into_iter().try_for_each(Subject::kill)
}

fn balance(servers: &[Subject]) -> Result<()> {
    let share = SHARDS / float(servers.len() as u64);
    for _ in 0..LOOKS_AT_BALANCE {
        let has =
            |server: &Subject| server.metric("groundswell_shards").is_ok_and(|held| held >= share * 0.75);
        if servers.iter().all(has) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    bail!("the shards were not divided in time")
}

fn report(findings: &mut Findings, servers: usize, (before, after): (&Taken, &Taken)) {
    let delivered = float(after.arrived - before.arrived);
    let seconds = after.at.saturating_sub(before.at).as_secs_f64();
    let microseconds = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() * 1e6 / delivered;
    let of_database = microseconds(before.database, after.database);
    let mut say = |what: &str, value: f64, unit: &'static str| {
        findings.told(format!("{servers} on one PostgreSQL: {what}"), value, unit);
    };
    say("delivered", delivered / seconds, "/s");
    say("processor time of the database for an event", of_database, "µs");
    say("processor time of the servers for an event", microseconds(before.servers, after.servers), "µs");
    say("statements for an event", (after.statements - before.statements) / delivered, "");
    say("transactions for an event", (after.transactions - before.transactions) / delivered, "");
    say("so one PostgreSQL with 16 processors is full at", 16.0e6 / of_database, "/s");
}
