//! The key of the secrets at rest: where it comes from, what is refused, and how it is replaced.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, command, run_in};
use crate::receiver::Receiver;
use crate::server::{QUICK_RETRY, Server, on};

const URL: (&str, &str) = ("GROUNDSWELL_DATABASE_URL", "sqlite://g.db");

const DOCTOR: [&str; 4] = ["doctor", "--json", "--listen", "127.0.0.1:0"];

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn migrate(directory: &Path, more: &[(&str, &str)]) -> Ran {
    run_in(directory, &["migrate"], &[&[URL], more].concat())
}

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

/// What the doctor says of the key.
fn doctor(directory: &Path, more: &[(&str, &str)]) -> (String, String) {
    let ran = run_in(directory, &DOCTOR, &[&[URL], more].concat());
    let said: Value = serde_json::from_str(&ran.out).expect("JSON");
    let checks = said["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == "secrets key").expect("it looks at the key");
    let text = |name: &str| check[name].as_str().expect("text").to_owned();
    (text("level"), text("said"))
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_said_so() {
    let directory = directory();
    assert_eq!(doctor(directory.path(), &[]).1, "the first start makes one in g.db.key");
    let said = migrate(directory.path(), &[]).ok();
    assert!(
        said.contains("made the key that secrets in the database are encrypted with: g.db.key; keep a copy")
    );
    let key = directory.path().join("g.db.key");
    assert_eq!(fs::metadata(&key).expect("is there").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&key).expect("reads");
    assert!(!migrate(directory.path(), &[]).ok().contains("made the key"));
    assert_eq!(fs::read_to_string(&key).expect("reads"), text);
    let (level, said) = doctor(directory.path(), &[]);
    assert!(
        level == "ok" && said.ends_with("is there, and the database's secrets are encrypted with it"),
        "{said}"
    );
}

#[test]
fn a_server_says_in_its_log_which_key_it_has_made() {
    let server = Server::start();
    let (said, key) = (server.log(), format!("{}.key", server.database().display()));
    let line = said.lines().find(|line| line.contains(&key)).unwrap_or_else(|| panic!("no {key} in {said}"));
    assert!(line.contains(" INFO ") && line.contains("keep a copy of it"), "{line}");
    let text = fs::read_to_string(&key).expect("is there");
    assert!(!said.contains(text.trim()));
}

#[test]
fn a_database_whose_key_is_gone_is_refused_and_gets_no_new_one() {
    let directory = directory();
    migrate(directory.path(), &[]).ok();
    fs::remove_file(directory.path().join("g.db.key")).expect("is there");
    let said = refusal(migrate(directory.path(), &[]));
    assert!(said.contains("its file g.db.key is not there; put your copy of it there"), "{said}");
    let names = names(directory.path());
    assert!(names.iter().all(|name| !name.contains("key")), "{names:?}");
    assert_eq!(doctor(directory.path(), &[]).0, "fail");
}

#[test]
fn a_wrong_key_is_refused_in_a_sentence() {
    let directory = directory();
    migrate(directory.path(), &[]).ok();
    let other = "ab".repeat(32);
    let given = [("GROUNDSWELL_SECRETS_KEY", other.as_str())];
    let said = refusal(migrate(directory.path(), &given));
    assert!(
        said.contains("start with the key that belongs to this database") && !said.contains(&other),
        "{said}"
    );
    assert_eq!(doctor(directory.path(), &given).0, "fail");
    migrate(directory.path(), &[]).ok();
}

#[test]
fn a_key_comes_from_the_environment_or_a_file_but_not_from_both() {
    let directory = directory();
    let key = "ab".repeat(32);
    let file = directory.path().join("elsewhere");
    fs::write(&file, format!("{key}\n")).expect("writes");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("is ours");
    let in_variable = ("GROUNDSWELL_SECRETS_KEY", key.as_str());
    let in_file = ("GROUNDSWELL_SECRETS_KEY_FILE", "elsewhere");
    migrate(directory.path(), &[in_variable]).ok();
    migrate(directory.path(), &[in_file]).ok();
    fs::write(directory.path().join("g.toml"), "[secrets]\nkey_file = \"elsewhere\"").expect("writes");
    let in_settings = ("GROUNDSWELL_CONFIG", "g.toml");
    migrate(directory.path(), &[in_settings]).ok();
    assert!(!directory.path().join("g.db.key").exists(), "none is made");
    for other in [in_file, in_settings] {
        let said = refusal(migrate(directory.path(), &[in_variable, other]));
        assert!(said.contains("keep one of them") && !said.contains(&key), "{said}");
    }

    let shown = |more| run_in(directory.path(), &["check-config"], &[URL, more]).ok();
    assert!(shown(in_file).contains("[secrets]\nkey_file = \"elsewhere\""), "{}", shown(in_file));
    let of_variable = shown(in_variable);
    assert!(of_variable.contains("key_from = \"GROUNDSWELL_SECRETS_KEY\"") && !of_variable.contains(&key));
    let missing = ("GROUNDSWELL_SECRETS_KEY_FILE", "nowhere");
    let said = refusal(run_in(directory.path(), &["check-config"], &[URL, missing]));
    assert!(said.contains("the secrets key file nowhere is not there"), "{said}");
    let said = refusal(migrate(directory.path(), &[missing]));
    assert!(said.contains("put it there, or make one with `openssl rand -base64 32`"), "{said}");
    let none = ("GROUNDSWELL_SECRETS_KEY", "hunter2hunter2");
    let said = refusal(migrate(directory.path(), &[none]));
    assert!(said.contains("openssl rand -base64 32") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_remedy() {
    let directory = directory();
    migrate(directory.path(), &[]).ok();
    let key = directory.path().join("g.db.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("is ours");
    let said = refusal(migrate(directory.path(), &[]));
    assert!(said.contains("(mode 0644); run `chmod 600 g.db.key`"), "{said}");
    assert_eq!(doctor(directory.path(), &[]).0, "fail");
}

fn rotate(directory: &Path, file: &str, more: &[(&str, &str)]) -> Ran {
    run_in(directory, &["rotate-key", "--new-key-file", file], &[&[URL], more].concat())
}

#[test]
fn a_rotated_key_takes_over_and_what_is_to_be_done_next_is_said() {
    let directory = directory();
    let said = refusal(rotate(directory.path(), "new.key", &[]));
    assert!(said.contains("has no secrets key yet"), "{said}");
    assert_eq!(names(directory.path()), Vec::<String>::new());

    migrate(directory.path(), &[]).ok();
    let said = rotate(directory.path(), "new.key", &[]).ok();
    assert!(said.contains("in new.key now.") && said.contains("`mv new.key g.db.key`"), "{said}");
    assert!(said.contains("Keep a copy of the old key"), "{said}");
    let again = rotate(directory.path(), "new.key", &[]).ok();
    assert!(again.contains("in new.key already."), "{again}");
    refusal(migrate(directory.path(), &[]));
    refusal(rotate(directory.path(), "third.key", &[]));
    fs::rename(directory.path().join("new.key"), directory.path().join("g.db.key")).expect("as it said");
    migrate(directory.path(), &[]).ok();
}

#[test]
fn a_database_that_is_in_use_keeps_its_key() {
    let server = Server::start();
    let url = format!("sqlite://{}", server.database().display());
    let directory = directory();
    let in_use = [("GROUNDSWELL_DATABASE_URL", url.as_str())];
    let said = refusal(run_in(directory.path(), &["rotate-key", "--new-key-file", "new.key"], &in_use));
    assert!(said.contains("is in use by process "), "{said}");
}

#[test]
fn a_rotated_postgresql_signs_as_before() {
    let (name, url) = on(private_postgres::Server::shared());
    let mut server = Server::with(&[&QUICK_RETRY[..], &[(name, &url)]].concat());
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(
        &program,
        &receiver.url("/"),
        json!({ "secret": "hunter2", "headers": { "x-a": "b" } }),
    );
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    let directory = server.database().parent().expect("a directory").to_owned();
    run_in(&directory, &["rotate-key", "--new-key-file", "new.key"], &[(name, url.as_str())]).ok();
    server.set("GROUNDSWELL_SECRETS_KEY_FILE", "new.key");
    server.restart();
    let told = server.client().get("/v2/audit-log?action=vault.rotated").ok();
    assert_eq!(told["entries"][0]["actor"]["kind"], "operator", "{told}");
    server.client().join(&program, "p1");
    let request = receiver.request_about("p1");
    assert_eq!(request.header("x-a"), Some("b"));
    assert!(request.header("webhook-signature").is_some());
}

/// Wherever it is killed, the database has one of the two keys, and everything in it can be read with that one.
#[test]
fn a_rotation_that_is_killed_leaves_one_key_or_the_other() {
    const ROUNDS: u64 = 24;
    let mut server = Server::start();
    let client = server.client();
    for number in 0..12 {
        let program = client.program("REFERRAL");
        let webhook = json!({ "secret": "hunter2", "headers": { "x-a": "s3cret" } });
        client.webhook(&program, &format!("https://example.com/{number}"), webhook);
    }
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    let directory = server.database().parent().expect("a directory").to_owned();
    let url = format!("sqlite://{}", server.database().display());
    let url = ("GROUNDSWELL_DATABASE_URL", url.as_str());
    let keys = ["groundswell.db.key", "other.key"];
    let mut current = 0;
    let (mut before, mut after) = (0, 0);
    for round in 0..ROUNDS {
        let [old, new] = [keys[current], keys[1 - current]];
        let arguments = ["rotate-key", "--new-key-file", new, "--secrets-key-file", old];
        let mut child = command(&arguments, &[url])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // From before it has opened the database until after the end, wherever that is on this machine.
        thread::sleep(Duration::from_millis(4 * round));
        let _ = child.kill();
        child.wait().expect("it was started here");
        // One that was never made opens nothing.
        let opens = |key: &str| {
            let file = [url, ("GROUNDSWELL_SECRETS_KEY_FILE", key)];
            directory.join(key).exists() && run_in(&directory, &["migrate"], &file).code == Some(0)
        };
        match (opens(old), opens(new)) {
            (true, false) => before += 1,
            (false, true) => {
                after += 1;
                current = 1 - current;
            }
            both => panic!("round {round}: {both:?} of old and new key open the database"),
        }
    }
    assert!(before > 0 && after > 0, "{before} rounds ended before the commit and {after} after it");

    server.set("GROUNDSWELL_SECRETS_KEY_FILE", keys[current]);
    server.restart();
    let programs = server.client().get("/v2/campaigns").ok();
    for program in programs["campaigns"].as_array().expect("a list") {
        let view = server.client().webhook_view(program["id"].as_str().expect("an id"), "primary");
        assert_eq!(view["headerNames"], json!(["x-a"]), "{view}");
    }
}
