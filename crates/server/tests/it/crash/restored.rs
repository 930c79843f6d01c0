//! A backup taken under load, the server killed, the backup restored elsewhere and started: what was accepted before the
//! backup began is there and arrives; no id ever stands for two events; what comes twice is explained by the time between
//! the backup and the kill.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use groundswell_types::EventId;
use serde_json::Value;

use super::auditor::{self, is_success};
use super::producer::{self, Desk, Outcome, Posted};
use super::{
    PATHS, PRODUCERS, QUICK_PROBES, StopsProducers, outcomes_of_load, say, trouble, wait_until_complete,
};
use crate::client::Client;
use crate::receiver::{Exchange, Reaction, Receiver};
use crate::server::{QUICK_RETRY, Server, on};
use crate::waiting::{self, now_ms};

const SEED: u64 = 11;

/// What was answered just before the backup began may not have been noted as delivered in it.
const COMMIT_MS: i64 = 1_000;

/// How a database is saved and brought back.
trait Way {
    /// Called while the server runs.
    fn save(&self, server: &Server);

    /// Called after it was killed; returns the settings for the next one.
    fn bring_back(&self, server: &Server) -> Vec<(&'static str, String)>;
}

struct Commands {
    directory: tempfile::TempDir,
}

impl Commands {
    fn file(&self) -> PathBuf {
        self.directory.path().join("g.backup")
    }

    fn run(command: &mut Command) {
        let output = command.env_clear().output().expect("the binary starts");
        assert!(output.status.success(), "{output:?}");
    }
}

impl Way for Commands {
    fn save(&self, server: &Server) {
        let mut backup = Command::new(env!("CARGO_BIN_EXE_groundswell"));
        backup.arg("backup").arg(self.file()).args(["--database-url", &sqlite(&server.database())]);
        Self::run(&mut backup);
    }

    fn bring_back(&self, server: &Server) -> Vec<(&'static str, String)> {
        let target = sqlite(&self.directory.path().join("restored.db"));
        let key = format!("{}.key", server.database().display());
        let mut restore = Command::new(env!("CARGO_BIN_EXE_groundswell"));
        restore.arg("restore").arg(self.file()).args(["--database-url", &target]);
        restore.args(["--secrets-key-file", &key]);
        Self::run(&mut restore);
        vec![("GROUNDSWELL_DATABASE_URL", target), ("GROUNDSWELL_SECRETS_KEY_FILE", key)]
    }
}

fn sqlite(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// As the page "Operating" says.
struct PostgresPrograms {
    directory: tempfile::TempDir,
    url: String,
}

impl PostgresPrograms {
    fn file(&self) -> PathBuf {
        self.directory.path().join("g.dump")
    }

    fn run(name: &str, arguments: &[&str]) {
        let programs = private_postgres::Programs::find().expect("PostgreSQL's programs are there");
        let output = Command::new(programs.path(name)).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{output:?}");
    }
}

impl Way for PostgresPrograms {
    fn save(&self, _: &Server) {
        let file = format!("--file={}", self.file().display());
        Self::run("pg_dump", &["--format=custom", &file, &format!("--dbname={}", self.url)]);
    }

    fn bring_back(&self, server: &Server) -> Vec<(&'static str, String)> {
        let (name, url) = on(private_postgres::Server::shared());
        let file = self.file().display().to_string();
        let database = format!("--dbname={url}");
        Self::run("pg_restore", &["--no-owner", "--exit-on-error", "--single-transaction", &database, &file]);
        let key = server.key_file().display().to_string();
        vec![(name, url), ("GROUNDSWELL_SECRETS_KEY_FILE", key)]
    }
}

#[test]
fn a_backup_taken_under_load_brings_back_everything_that_was_accepted_before_it() {
    let way = Commands { directory: tempfile::tempdir().expect("a temporary directory") };
    bring_back(Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES].concat()), &way);
}

#[test]
fn a_dump_of_postgresql_taken_under_load_brings_back_everything_that_was_accepted_before_it() {
    let (name, url) = on(private_postgres::Server::shared());
    let server = Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES, &[(name, &url)]].concat());
    bring_back(server, &PostgresPrograms { directory: tempfile::tempdir().expect("a directory"), url });
}

fn bring_back(mut server: Server, way: &dyn Way) {
    let receiver = Receiver::that(trouble);
    let program = server.client().program("REFERRAL");
    for path in PATHS {
        server.client().webhook(&program, &receiver.url(path), Value::Null);
    }
    let desk = Arc::new(Desk::new(server.url(), &program));
    let stop = AtomicBool::new(false);
    let (times, restored, posted) = thread::scope(|scope| {
        let stop = &stop;
        let _stopping = StopsProducers(stop);
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| {
                let desk = Arc::clone(&desk);
                scope.spawn(move || producer::work(&desk, number, SEED, stop))
            })
            .collect();
        let more = |count| {
            let before = desk.accepted();
            waiting::until("more events are accepted", || (desk.accepted() > before + count).then_some(()));
        };
        more(500);
        let began_ms = now_ms();
        way.save(&server);
        let saved_ms = now_ms();
        more(300);
        server.kill();
        let killed = Killed { began_ms, saved_ms, connection: receiver.mark() };
        let settings = way.bring_back(&server);
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
        let restored_ms = now_ms();
        let restored = Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES, &settings].concat());
        desk.move_to(restored.url());
        more(300);
        stop.store(true, Ordering::SeqCst);
        let posted: Vec<Posted> =
            producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect();
        ((killed, restored_ms), restored, posted)
    });
    receiver.behave(|_| Reaction::from(200));
    let (killed, restored_ms) = times;
    let accepted = outcomes_of_load(&posted);
    let promised: Vec<&str> = accepted
        .iter()
        .filter(|(_, at_ms)| *at_ms < killed.began_ms || *at_ms >= restored_ms)
        .map(|(id, _)| *id)
        .collect();
    wait_until_complete(&receiver, &promised);
    let known = known_events(&restored.client(), &program);
    let exchanges = receiver.exchanges();
    let report = Report { posted: &posted, exchanges: &exchanges, killed, restored_ms, known: &known };
    report.judge();
}

/// Every event that the log has.
fn known_events(client: &Client, program: &str) -> HashSet<String> {
    let mut known = HashSet::new();
    let mut query = "?limit=100".to_owned();
    loop {
        let page = client.get(&format!("/v2/campaign/{program}/deliveries{query}")).ok();
        let deliveries = page["deliveries"].as_array().expect("a list");
        known.extend(deliveries.iter().map(|one| one["eventId"].as_str().expect("an id").to_owned()));
        let Some(next) = page["nextId"].as_str() else { return known };
        query = format!("?limit=100&nextId={next}");
    }
}

#[derive(Debug, Clone, Copy)]
struct Killed {
    /// When the backup was begun and when it was finished, Unix milliseconds.
    began_ms: i64,
    saved_ms: i64,
    /// The receiver's last connection of the first server.
    connection: usize,
}

struct Report<'a> {
    posted: &'a [Posted],
    exchanges: &'a [Exchange],
    killed: Killed,
    restored_ms: i64,
    known: &'a HashSet<String>,
}

impl Report<'_> {
    fn judge(&self) {
        let arrived = self.arrivals();
        let again = self.contents();
        let repeats = self.repeats();
        say(&format!(
            "backup in {} ms: {arrived}; {again}; {repeats}",
            self.killed.saved_ms - self.killed.began_ms
        ));
    }

    /// What was accepted before the backup began is in the restored log and was taken everywhere; so is what the restored
    /// server accepted. In between it depends on the moment.
    fn arrivals(&self) -> String {
        let taken = auditor::taken(self.exchanges);
        let (mut before, mut between, mut lost, mut after) = (0, 0, 0, 0);
        for (id, at_ms) in outcomes_of_load(self.posted) {
            let is_between = at_ms >= self.killed.began_ms && at_ms < self.restored_ms;
            let is_complete = PATHS.iter().all(|path| taken.contains(&(*path, id)));
            if is_between {
                between += 1;
                lost += usize::from(!self.known.contains(id));
                assert!(is_complete || !self.known.contains(id), "{id} is in the backup, and did not arrive");
                continue;
            }
            *(if at_ms < self.killed.began_ms { &mut before } else { &mut after }) += 1;
            assert!(
                self.known.contains(id),
                "LOST: {id}, accepted at {at_ms}, is not in the restored database"
            );
            assert!(is_complete, "LOST: {id}, accepted at {at_ms}, did not arrive");
        }
        assert!(before > 400 && after > 200 && between > 200, "{before}, {between}, {after}");
        format!(
            "{before} accepted before it, all there and taken; {between} between it and the kill, {lost} of them gone as \
             they must be; {after} accepted after the restore, all taken"
        )
    }

    /// An id is one event with one body, whichever server sent it; an event that came under two ids was posted again
    /// because the first answer, or the first acceptance, was lost with the first server. Ids of the second server are above
    /// all of the first.
    fn contents(&self) -> String {
        let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
        let mut ids: BTreeMap<String, HashSet<&str>> = BTreeMap::new();
        let number = |id: &str| EventId::parse(id).expect("an id").number();
        let mut highest_of_first = 0;
        for Exchange { request, .. } in self.exchanges {
            let id = request.webhook_id();
            assert_eq!(*bodies.entry(id).or_insert(&request.body), &request.body[..], "{id} is two events");
            ids.entry(request.json()["data"]["id"].as_str().expect("a marker").to_owned())
                .or_default()
                .insert(id);
            if request.connection <= self.killed.connection {
                highest_of_first = highest_of_first.max(number(id));
            }
        }
        for (id, at_ms) in outcomes_of_load(self.posted) {
            let is_of_second = at_ms >= self.restored_ms;
            assert!(!is_of_second || number(id) > highest_of_first, "{id} may have been made before");
        }
        let began = self.killed.began_ms;
        let again: Vec<_> = ids.values().filter(|ids| ids.len() > 1).collect();
        for ids in &again {
            let accepted: Vec<i64> = ids.iter().map(|id| made_at_ms(number(id))).collect();
            assert!(
                ids.len() == 2 && accepted.iter().all(|at_ms| *at_ms >= began - COMMIT_MS),
                "{ids:?} are one event, accepted at {accepted:?}, the backup began at {began}"
            );
        }
        format!("{} posted again after the kill came under a second id", again.len())
    }

    /// Twice under one id comes only what was answered after the state that the backup has, by the first server, and again
    /// to the second.
    fn repeats(&self) -> String {
        let mut successes: BTreeMap<(&str, &str), Vec<&Exchange>> = BTreeMap::new();
        for exchange in self.exchanges.iter().filter(|exchange| is_success(exchange)) {
            let key = (exchange.request.path.as_str(), exchange.request.webhook_id());
            successes.entry(key).or_default().push(exchange);
        }
        let mut repeats = 0;
        for ((path, id), times) in successes {
            for pair in times.windows(2) {
                let answered_ms = pair[0].answered.map_or(0, |answered| answered.at_ms);
                let is_explained = pair[0].request.connection <= self.killed.connection
                    && pair[1].request.connection > self.killed.connection
                    && answered_ms >= self.killed.began_ms - COMMIT_MS;
                assert!(
                    is_explained,
                    "REPEATED without cause: {id} at {path}, first answered at {answered_ms}"
                );
                repeats += 1;
            }
        }
        format!("{repeats} deliveries made after the backup were made once more, each under its id")
    }
}

/// As ids are made.
const fn made_at_ms(number: i64) -> i64 {
    (number >> 19) + 1_704_067_200_000
}

impl Outcome {
    /// The id and when it was answered.
    pub fn accepted(&self) -> Option<(&str, i64)> {
        match self {
            Self::Accepted { id, at_ms } => Some((id, *at_ms)),
            Self::Unknown | Self::Refused => None,
        }
    }
}
