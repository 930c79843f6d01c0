//! Two servers on one PostgreSQL: how long it takes until an event goes out that one accepts and the other delivers.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use private_postgres::Server as PostgreSql;

use super::{Aim, Findings};
use crate::ledger::{Fate, Ledger};
use crate::load::{Broken, Schedule, open_loop};
use crate::measure::{Settings, drain, signed};
use crate::numbers::{float, percentile};
use crate::receiver::Receiver;
use crate::subject::{Subject, Webhook};

/// Connections of the open loop.
const CONNECTIONS: usize = 16;

const PER_SECOND: u32 = 200;

/// From post to arrival at the receiver, half of the events at most.
const P50_AT_MOST_MS: f64 = 15.0;

/// Connections and statements are warm by then.
const WARM_UP: Duration = Duration::from_secs(2);

/// The shards of two servers.
const SHARE: f64 = 128.0;

/// What all servers seal secrets with.
pub(super) const SECRETS_KEY: &str = "c2VjcmV0cyBvZiBub2RlcyBhcmUgc2VhbGVkIGhlcmU";

/// It is as likely as not that a webhook is the other's.
const CANDIDATES: usize = 30;

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let postgres = PostgreSql::start();
    let url = postgres.url(&postgres.create(None));
    let own = [("GROUNDSWELL_DATABASE_URL", url), ("GROUNDSWELL_SECRETS_KEY", SECRETS_KEY.to_owned())];
    let directories = [settings.scratch()?, settings.scratch()?];
    let first = Subject::server_with(&settings.server, directories[0].path(), &own)?;
    let time = Duration::from_secs(settings.sizes.trial_seconds) + WARM_UP;
    let alone = look(&first, time, findings)?.context("all webhooks are its own")?;
    say(findings, "one server", &alone);

    let second = Subject::server_with(&settings.server, directories[1].path(), &own)?;
    for _ in 0..600 {
        let has =
            |server: &Subject| server.metric("groundswell_shards").is_ok_and(|held| held >= SHARE * 0.9);
        if has(&first) && has(&second) {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let mut elsewhere = None;
    for _ in 0..CANDIDATES {
        let before = first.metric(ATTEMPTS)?;
        let Some(late) = look(&first, time, findings)? else { continue };
        if first.metric(ATTEMPTS)? - before < 1.0 {
            elsewhere = Some(late);
            break;
        }
        say(findings, "two servers, delivered by the one that accepts", &late);
    }
    let Some(elsewhere) = elsewhere else { bail!("no webhook was delivered to by the other server") };
    say(findings, "two servers, delivered by the other", &elsewhere);
    let p50 = float(percentile(&elsewhere, 50).context("something arrived")?) / 1000.0;
    findings.aimed(
        "accepted by one and delivered by the other at 200/s, p50",
        (p50, "ms"),
        Aim::AtMost(P50_AT_MOST_MS),
    );
    first.kill()?;
    second.kill()
}

const ATTEMPTS: &str = "groundswell_attempts_total{outcome=\"success\"}";

/// Posts to a new program through this server; microseconds from when each event was due to its arrival.
fn look(server: &Subject, time: Duration, findings: &mut Findings) -> Result<Option<Vec<u64>>> {
    let ledger = Arc::new(Ledger::new(u64::from(PER_SECOND) * (time.as_secs() + 2)));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let target = server.program(&receiver.url(), Webhook::Enabled)?;
    let schedule = Schedule { per_second: PER_SECOND, time, broken: Broken::Fails };
    open_loop(&target, &ledger, CONNECTIONS, schedule)?;
    drain(&ledger);
    let late = ledger.latencies_between(WARM_UP, time);
    findings.audited("nodes", ledger.audit(Fate::Arrives));
    Ok((!late.is_empty()).then_some(late))
}

fn say(findings: &mut Findings, who: &str, late: &[u64]) {
    for percent in [50, 99] {
        if let Some(late) = percentile(late, percent) {
            findings.told(format!("from post to arrival, {who}, p{percent}"), float(late) / 1000.0, "ms");
        }
    }
}
