//! PostgreSQL is killed, or has no room for a connection, while several nodes are under load.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use private_postgres::Server as PostgreSql;

use super::faults::{AT_MOST_DOUBLES, GRACE, say, survive, until_all_is_served};
use super::{LEASE_MS, Nodes};
use crate::crash::StopsProducers;

/// From PostgreSQL's answering again until each node accepts and each webhook is served.
const RECOVERY: Duration = Duration::from_secs(5);

#[test]
fn a_kill_of_postgresql_loses_nothing_and_needs_no_restart_of_a_node() {
    let postgres = PostgreSql::start();
    // However long PostgreSQL takes to come back on this machine, nobody is taken for dead meanwhile, so nothing may come twice.
    // What happens to those who are is asked below.
    let own = || vec![("GROUNDSWELL_NODE_LEASE_MS", "20000".to_owned())];
    let nodes = Nodes::at(postgres.url(&postgres.create(None)), &[own(), own(), own()]);
    let judged = survive(nodes, |nodes, load| {
        postgres.kill();
        postgres.start_after_kill();
        let recovery = load.until_it_goes_on(RECOVERY);
        let served = until_all_is_served(nodes);
        say(format_args!(
            "PostgreSQL killed: goes on after {recovery:.1?}, every shard served {served:.1?} later"
        ));
    });
    say(format_args!("PostgreSQL was killed: {judged:?}"));
    // No node has forgotten anything.
    assert_eq!(judged.doubles, 0, "{judged:?}");
}

/// Connections of all sorts of programs, which take every one there is as soon as it is free.
struct Crowd<'a> {
    postgres: &'a PostgreSql,
    is_over: AtomicBool,
}

impl Crowd<'_> {
    const USER: &'static str = "crowd";

    /// Takes them until it is over; how many there were in the end.
    fn press(&self) -> usize {
        let mut held = Vec::new();
        while !self.is_over.load(Ordering::SeqCst) {
            match connect(&self.postgres.socket(), Self::USER) {
                Some(connection) => held.push(connection),
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
        held.len()
    }
}

/// A session, unless there is no room for one. The start of one is described in PostgreSQL's "Message Formats": the length, the
/// version of the protocol, names and values. Whoever is known is told so by nine bytes, and then by an `E` if there is no room.
fn connect(socket: &Path, user: &str) -> Option<UnixStream> {
    let mut connection = UnixStream::connect(socket).ok()?;
    let words = format!("user\0{user}\0database\0postgres\0\0");
    let length = u32::try_from(8 + words.len()).expect("short");
    connection.write_all(&length.to_be_bytes()).ok()?;
    connection.write_all(&196_608_u32.to_be_bytes()).ok()?;
    connection.write_all(words.as_bytes()).ok()?;
    let mut answer = [0; 10];
    connection.read_exact(&mut answer).ok()?;
    (answer[0] == b'R' && answer[9] != b'E').then_some(connection)
}

#[test]
fn while_no_connection_is_to_be_had_nothing_is_lost_and_afterwards_all_goes_on() {
    // Longer than a lease.
    const FULL: Duration = Duration::from_millis(LEASE_MS + 1_000);
    let postgres = PostgreSql::with("-c max_connections=60");
    let database = postgres.create(None);
    // Who administers it has connections of its own; the nodes do not.
    for role in ["app", Crowd::USER] {
        postgres.sql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    }
    postgres.sql("postgres", &format!("ALTER DATABASE {database} OWNER TO app"));
    let url = postgres.url(&database).replacen("postgres@", "app@", 1);
    let nodes = Nodes::at(url, &[Vec::new(), Vec::new(), Vec::new()]);
    let judged = survive(nodes, |nodes, load| {
        let crowd = Crowd { postgres: &postgres, is_over: AtomicBool::new(false) };
        let (began, before) = (Instant::now(), load.accepted());
        let terminate = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'";
        let (held, ended) = thread::scope(|scope| {
            let crowd = &crowd;
            // Also when something fails: the scope waits for it.
            let stopping = StopsProducers(&crowd.is_over);
            let press = scope.spawn(move || crowd.press());
            let mut ended = 0;
            while began.elapsed() < FULL {
                // Who is refused has a connection for a moment, so there may be none for anybody.
                let count = postgres.try_sql("postgres", terminate).ok();
                ended += count.map_or(0, |count| count.parse::<usize>().expect("a number"));
                thread::sleep(Duration::from_millis(100));
            }
            drop(stopping);
            (press.join().expect("no panic"), ended)
        });
        let meanwhile = load.accepted() - before;
        let recovery = load.until_it_goes_on(Duration::from_millis(LEASE_MS) + GRACE);
        let served = until_all_is_served(nodes);
        say(format_args!(
            "no connections for {FULL:.1?} ({held} held by others, {ended} ended, {meanwhile} accepted meanwhile): goes on after \
             {recovery:.1?}, every shard served {served:.1?} later"
        ));
        assert!(ended > 10 && held > 40, "{ended} {held}");
    });
    say(format_args!("connections were exhausted: {judged:?}"));
    assert!(judged.doubles <= AT_MOST_DOUBLES, "{judged:?}");
}
