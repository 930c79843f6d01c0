//! `backup` and `restore`: what is refused, what is written, and what people are told.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use groundswell_types::EventId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Ran, run, run_in};
use crate::receiver::{Reaction, Receiver};
use crate::server::{QUICK_RETRY, Server};
use crate::upgrade::{Sample, versions};
use crate::waiting;

/// A server of which something waits, and its program.
fn server() -> (Server, Receiver, String) {
    let receiver = Receiver::that(|_| Reaction::from(500));
    let server = Server::with(&QUICK_RETRY);
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), json!({ "secret": "hunter2" }));
    for number in 0..3 {
        server.client().join(&program, &format!("p{number}"));
    }
    (server, receiver, program)
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn backup(server: &Server, file: &Path, more: &[&str]) -> Ran {
    let (database, file) = (url(&server.database()), file.display().to_string());
    run(&[&["backup", &file, "--database-url", &database], more].concat(), &[])
}

/// With the key of the server whose backup it is.
fn restore(server: &Server, file: &Path, target: &Path, more: &[&str]) -> Ran {
    let (target, file) = (url(target), file.display().to_string());
    let key = format!("{}.key", server.database().display());
    run(
        &[&["restore", &file, "--database-url", &target], more].concat(),
        &[("GROUNDSWELL_SECRETS_KEY_FILE", &key)],
    )
}

/// The one line a refused command says.
fn refusal(ran: Ran) -> String {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "one sentence: {}", ran.err);
    ran.err
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_a_running_server_is_one_private_file_that_says_what_is_in_it() {
    let (server, _receiver, _) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("new/g.backup");
    let said = backup(&server, &file, &[]).ok();
    let schema = newest_migration();
    for words in [
        "g.backup is a backup of sqlite://",
        "read back and whole",
        &format!("In it: schema {schema:04}, programs 1, webhooks 1, events 3, "),
        "deliveries that wait 3.",
        "is not in it: keep a copy of the key as well",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    assert_eq!(names(&directory.path().join("new")), ["g.backup"]);
    assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(&file).expect("reads");
    assert_eq!((&bytes[..15], bytes[18], bytes[19]), (&b"SQLite format 3"[..], 1, 1), "no log beside it");
    assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "secrets are sealed in it");

    let said = refusal(backup(&server, &file, &[]));
    assert!(said.contains("is there already; choose another name, or say --overwrite"), "{said}");
    let said = backup(&server, &file, &["--overwrite", "--json"]).json();
    assert_eq!((&said["contents"]["events"], &said["contents"]["waiting"]), (&json!(3), &json!(3)), "{said}");
    assert!(
        said["contents"]["highestEventId"].as_str().is_some_and(|id| EventId::parse(id).is_ok()),
        "{said}"
    );
    assert_eq!(server.client().get("/readyz").status, 200, "the server goes on");
}

fn newest_migration() -> usize {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    fs::read_dir(migrations).expect("readable").count()
}

#[test]
fn a_backup_never_takes_the_place_of_a_database_in_use() {
    let (server, ..) = server();
    let database = server.database();
    let said = refusal(backup(&server, &database, &["--overwrite"]));
    assert!(said.contains("is the database itself"), "{said}");
    let other = Server::start();
    let said = refusal(backup(&server, &other.database(), &["--overwrite"]));
    assert!(said.contains("is a database that is in use, or was not closed"), "{said}");
    let said = refusal(run(&["backup", "x", "--database-url", "sqlite://nowhere/g.db"], &[]));
    assert!(said.contains("there is no database at nowhere/g.db"), "{said}");
}

#[test]
fn what_a_killed_backup_has_left_is_begun_anew() {
    let (server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("g.backup");
    let left = directory.path().join("g.backup.unfinished");
    fs::write(&left, vec![7; 100_000]).expect("writes");
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).expect("is ours");
    backup(&server, &file, &[]).ok();
    assert_eq!(names(directory.path()), ["g.backup"]);
    assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_backup_that_is_interrupted_leaves_nothing_behind() {
    let sample = Sample::of(&versions().pop().expect("there is a sample"), &Receiver::start());
    // Copying it and reading it back take some time.
    sample.sql(
        "CREATE TABLE ballast AS
         WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 128)
         SELECT zeroblob(1048576) AS bytes FROM counted",
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("g.backup").display().to_string();
    let arguments = ["backup", &file, "--database-url", &sample.url()];
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        // A process inherits that it ignores the end of its terminal, where the tests run without one.
        let mut backup = Command::new("env")
            .args(["--default-signal=HUP", env!("CARGO_BIN_EXE_groundswell")])
            .args(arguments)
            .env_clear()
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        waiting::until("it is being written", || (!names(directory.path()).is_empty()).then_some(()));
        kill_process(Pid::from_child(&backup), signal).expect("it runs");
        let status = backup.wait().expect("it was started here");
        assert_eq!((status.code(), names(directory.path())), (Some(code), vec![]), "{signal:?}");
    }
}

#[test]
fn what_was_committed_before_a_crash_is_in_a_backup_made_after_it() {
    let (mut server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    server.kill();
    let said = backup(&server, &directory.path().join("g.backup"), &["--json"]).json();
    assert_eq!(said["contents"]["events"], 3, "{said}");
}

#[test]
fn a_restored_database_delivers_what_waited_and_makes_no_id_again() {
    let (mut server, receiver, program) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, target) = (directory.path().join("g.backup"), directory.path().join("elsewhere/new.db"));
    backup(&server, &file, &[]).ok();
    let after: Vec<String> =
        (0..20).map(|number| server.client().join(&program, &format!("q{number}"))).collect();
    server.kill();

    let said = restore(&server, &file, &target, &[]).ok();
    for words in [
        "elsewhere/new.db.",
        "events 3, ",
        "The secrets key ",
        "The key is in no backup",
        "Make sure that the old one does not run any more",
        "have producers post it again",
        "do that again",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    assert_eq!(fs::metadata(&target).expect("is there").permissions().mode() & 0o777, 0o600);

    receiver.behave(|_| Reaction::from(200));
    let key = format!("{}.key", server.database().display());
    let settings = [("GROUNDSWELL_DATABASE_URL", &*url(&target)), ("GROUNDSWELL_SECRETS_KEY_FILE", &*key)];
    let restored = Server::with(&[QUICK_RETRY.as_slice(), &settings].concat());
    for number in 0..3 {
        let marker = format!("p{number}");
        receiver.until("what waited arrives", |exchanges| {
            let taken = |status: u16| status == 200;
            exchanges
                .iter()
                .any(|exchange| {
                    exchange.request.json()["data"]["id"] == *marker
                        && exchange.answered.is_some_and(|answered| taken(answered.status))
                })
                .then_some(())
        });
    }
    let number = |id: &str| EventId::parse(id).expect("an id").number();
    let next = number(&restored.client().join(&program, "next"));
    assert!(after.iter().all(|id| number(id) < next), "{next} was or may have been made before");
}

#[test]
fn what_root_restores_belongs_to_the_owner_of_the_directory() {
    // Nobody has this number; others than root cannot give it anything.
    const SERVICE: u32 = 64_123;
    let (server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, place) = (directory.path().join("g.backup"), directory.path().join("state"));
    backup(&server, &file, &[]).ok();
    fs::create_dir(&place).expect("a new directory");
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        chown(&place, Some(SERVICE), Some(SERVICE)).expect("root may");
    }
    restore(&server, &file, &place.join("g.db"), &[]).ok();
    let wanted = if is_root { SERVICE } else { rustix::process::geteuid().as_raw() };
    assert_eq!(names(&place), ["g.db", "g.db.lock"]);
    for name in names(&place) {
        let found = fs::metadata(place.join(&name)).expect("is there");
        assert_eq!((found.uid(), found.mode() & 0o777), (wanted, 0o600), "{name}");
    }
    if is_root {
        assert_eq!(fs::metadata(&file).expect("is there").uid(), 0, "a backup stays with who has made it");
    }
}

#[test]
fn a_restore_into_a_place_that_is_taken_is_refused_or_sets_aside_what_is_there() {
    let (mut server, _receiver, program) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, target) = (directory.path().join("g.backup"), server.database());
    backup(&server, &file, &[]).ok();
    let after = server.client().join(&program, "after");

    let said = refusal(restore(&server, &file, &target, &["--replace"]));
    assert!(said.contains(&format!("is in use by process {} since ", server.pid())), "{said}");
    server.kill();
    let said = refusal(restore(&server, &file, &target, &[]));
    assert!(
        said.contains("already; restore to another path with --database-url, or say --replace"),
        "{said}"
    );

    let said = restore(&server, &file, &target, &["--replace", "--json"]).json();
    let aside = said["setAside"].as_str().expect("a path").to_owned();
    assert!(aside.contains(".replaced-20") && said["replacedIdsAreKnown"] == true, "{said}");
    assert_eq!(said["contents"]["events"], 3, "{said}");
    let old = backup_of(Path::new(&aside), &directory.path().join("old.backup"));
    assert_eq!(old["contents"]["events"], 4, "nothing of what was there is lost");
    assert_eq!(old["contents"]["highestEventId"], *after);
    server.restart();
    let next = server.client().join(&program, "next");
    let number = |id: &str| EventId::parse(id).expect("an id").number();
    assert!(number(&next) > number(&after));
}

fn backup_of(database: &Path, file: &Path) -> Value {
    run(&["backup", &file.display().to_string(), "--database-url", &url(database), "--json"], &[]).json()
}

#[test]
fn a_damaged_database_is_set_aside_too() {
    let (mut server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, target) = (directory.path().join("g.backup"), server.database());
    backup(&server, &file, &[]).ok();
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    fs::write(&target, b"no database any more").expect("writes");
    let said = restore(&server, &file, &target, &["--replace"]).ok();
    assert!(said.contains("It is damaged and could not say which ids it has made"), "{said}");
    server.restart();
    assert_eq!(server.client().get("/readyz").status, 200);
}

#[test]
fn a_backup_without_its_key_or_that_is_damaged_is_not_restored() {
    let (server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("g.backup");
    backup(&server, &file, &[]).ok();
    let run = |environment: &[(&str, &str)]| {
        let arguments = ["restore", "g.backup", "--database-url", "sqlite://new.db"];
        refusal(run_in(directory.path(), &arguments, environment))
    };
    let said = run(&[]);
    assert!(
        said.contains("its file new.db.key is not there; put your copy of it there")
            && said.contains("it is not in the backup. Nothing was restored"),
        "{said}"
    );
    let said = run(&[("GROUNDSWELL_SECRETS_KEY", &"ab".repeat(32))]);
    assert!(said.contains("the one given is ") && said.contains("Nothing was restored"), "{said}");

    let key = fs::read_to_string(format!("{}.key", server.database().display())).expect("reads");
    let key = [("GROUNDSWELL_SECRETS_KEY", key.trim())];
    let whole = fs::read(&file).expect("reads");
    for page in [1, 5, 9] {
        let mut damaged = whole.clone();
        damaged[page * 8192..page * 8192 + 2048].fill(0xff);
        fs::write(&file, damaged).expect("writes");
        let said = run(&key);
        assert!(said.contains("stored data is damaged") || said.contains("malformed"), "page {page}: {said}");
    }
    fs::write(&file, &whole[..whole.len() / 2]).expect("writes");
    run(&key);
    fs::write(&file, "a text").expect("writes");
    let said = run(&key);
    assert!(said.contains("g.backup cannot be read: file is not a database"), "{said}");
    assert_eq!(names(directory.path()), ["g.backup"], "nothing was made");
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_sees_how_far_it_is_and_a_pipe_does_not() {
    let (server, ..) = server();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let command = format!(
        "{} backup g.backup --database-url {}",
        env!("CARGO_BIN_EXE_groundswell"),
        url(&server.database())
    );
    // It gives the command a terminal.
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .expect("util-linux is there");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && said.contains("Copying: 100 % of "), "{said}");
    assert!(said.contains("Reading it back …"), "{said}");
    backup(&server, &directory.path().join("h.backup"), &[]).ok();
}

#[test]
fn for_postgresql_both_commands_name_its_own_programs() {
    let postgres = ["--database-url", "postgres://me:s3cret@db/g"];
    for (command, program) in [("backup", "umask 077; pg_dump --format=custom"), ("restore", "pg_restore")] {
        let said = refusal(run(&[&[command, "g.dump"], &postgres[..]].concat(), &[]));
        assert!(
            said.contains(program) && said.contains("/docs/operating") && !said.contains("s3cret"),
            "{said}"
        );
    }
}
