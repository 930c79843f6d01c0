//! What works on this machine's settings and database: `migrate`, `check-config`, `doctor`; and `health`, for what watches over
//! the server.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::{run, run_in};
use crate::server::{ADMIN_KEY, Server};

#[test]
fn a_database_is_made_and_then_there_is_nothing_to_do() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let said = run_in(directory.path(), &["migrate", "--database-url", "sqlite://new/g.db"], &[]).ok();
    assert!(said.starts_with("0001 initial\n0002 "), "{said}");
    assert!(said.contains("; the database is up to date at 0"), "{said}");
    let again =
        run_in(directory.path(), &["migrate", "--database-url", "sqlite://new/g.db", "--json"], &[]).json();
    assert_eq!(again["migrations"], json!([]));
    assert!(again["version"].as_i64().is_some_and(|version| version >= 8), "{again}");
}

#[test]
fn a_database_that_is_in_use_or_newer_is_refused_in_a_sentence() {
    let server = Server::start();
    let file = format!("sqlite://{}", server.database().display());
    let ran = run(&["migrate", "--database-url", &file], &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("is in use by process "), "{}", ran.err);

    let postgres = private_postgres::Server::shared();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = |arguments: &[&str]| run_in(directory.path(), arguments, &[]);
    let first = run(&["migrate", "--database-url", &url, "--json"]).json();
    assert_eq!(first["secretsKeyFile"], "groundswell-secrets.key");
    assert_eq!(first["migrations"][0], json!({ "version": 1, "description": "initial" }));
    let table = postgres.sql(&database, "SELECT tablename FROM pg_tables WHERE tablename LIKE '%migrations'");
    let columns = "(version, description, success, checksum, execution_time)";
    let insert = format!("INSERT INTO {} {columns} VALUES (9999, 'future', true, '', 0)", table.trim());
    postgres.sql(&database, &insert);
    let ran = run(&["migrate", "--database-url", &url]);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(
        lines.len() == 1 && lines[0].contains("last used by a newer version of Groundswell"),
        "{}",
        ran.err
    );
    let ran = run(&["doctor", "--json", "--listen", "127.0.0.1:0", "--database-url", &url]);
    let said: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, level(&said, "database")), (Some(1), "fail"), "{said}");
}

#[test]
fn the_settings_that_count_are_shown_without_secrets() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file =
        "listen = \"127.0.0.1:4000\"\n[retry]\nbase_ms = 7\nfactor = 2\n[egress]\nallow = [\"10.0.0.0/8\"]\n";
    std::fs::write(directory.path().join("g.toml"), file).expect("a new file");
    let environment = [
        ("GROUNDSWELL_CONFIG", "g.toml"),
        ("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY),
        ("GROUNDSWELL_DATABASE_URL", "postgres://me:s3cret@db/g"),
    ];
    let said = run_in(directory.path(), &["check-config", "--retry-base-ms", "9"], &environment).ok();
    for line in [
        "listen = \"127.0.0.1:4000\"",
        "database_url = \"postgres://me:***@db/g\"",
        "admin_key = \"***\"",
        "rate_limit = \"1000/30000/1000000\"",
        "base_ms = 9",
        "factor = 2.0",
        "allow = [\"10.0.0.0/8\"]",
        "endpoint_slots = 64",
    ] {
        assert!(said.lines().any(|found| found == line), "no `{line}` in\n{said}");
    }
    assert!(!said.contains("s3cret") && !said.contains(ADMIN_KEY), "{said}");
    let json = run_in(directory.path(), &["check-config", "--json"], &environment).json();
    assert_eq!(json["retry"]["base_ms"], 7);
}

#[test]
fn settings_that_cannot_be_are_errors_that_say_what_can() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (file, words) in [
        ("lisen = \"127.0.0.1:1\"", "unknown field `lisen`, expected one of `listen`"),
        ("[delivery]\nslots = 0", "must be at least 1"),
        ("[retry]\nfactor = 0.5", "factor must be at least 1"),
        ("admin_key = \"short\"", "openssl rand"),
        ("public_url = \"example.com\"", "https://"),
        ("log = \"a=b=c\"", "no log filter such as info"),
        ("trusted_proxies = [\"proxy.example\"]", "no network such as 10.0.0.0/8"),
        ("database_url = \"mysql://x\"", "sqlite:///path/file.db"),
    ] {
        std::fs::write(directory.path().join("g.toml"), file).expect("a file");
        let ran = run_in(directory.path(), &["check-config", "--config", "g.toml"], &[]);
        assert_eq!(ran.code, Some(1), "{file}");
        assert!(ran.err.contains(words) && ran.out.is_empty(), "no `{words}` in {}", ran.err);
    }
    let ran = run_in(directory.path(), &["doctor", "--config", "g.toml"], &[]);
    assert!(ran.code == Some(1) && ran.out.contains("FAIL configuration"), "{}", ran.out);
}

fn level<'a>(said: &'a Value, name: &str) -> &'a str {
    let checks = said["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.and_then(|check| check["level"].as_str()).unwrap_or_else(|| panic!("no {name} in {said}"))
}

#[test]
fn the_doctor_finds_everything_in_order_before_the_first_start() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let environment =
        [("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY), ("GROUNDSWELL_DATABASE_URL", "sqlite://new/g.db")];
    let said = run_in(directory.path(), &["doctor", "--listen", "127.0.0.1:0"], &environment).ok();
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("     ")).collect();
    assert!(lines.len() >= 7, "{said}");
    for (line, words) in [
        (0, "configuration"),
        (1, "clock"),
        (2, "directory"),
        (5, "sync"),
        (6, "the first start makes the tables"),
    ] {
        assert!(lines[line].starts_with("ok  ") && lines[line].contains(words), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("readable").collect();
    assert!(left.is_empty(), "it left something behind: {left:?}");
}

#[test]
fn the_doctor_knows_a_running_server_from_another_program() {
    let server = Server::start();
    let address = server.url().trim_start_matches("http://");
    let file = format!("sqlite://{}", server.database().display());
    let doctor = |listen: &str, more: &[&str]| {
        let arguments = ["doctor", "--json", "--listen", listen, "--database-url", &file];
        let ran = run(&[&arguments[..], more].concat(), &[]);
        (ran.code, serde_json::from_str::<Value>(&ran.out).expect("JSON"))
    };
    let (code, said) = doctor(address, &["--public-url", server.url(), "--egress-allow", "0.0.0.0/0"]);
    assert_eq!((code, &said["ok"]), (Some(0), &json!(true)), "{said}");
    for (name, wanted) in [
        ("configuration", "warn"),
        ("clock", "ok"),
        ("directory", "ok"),
        ("database", "ok"),
        ("settings", "ok"),
        ("listen", "ok"),
        ("public URL", "ok"),
        ("egress", "warn"),
        ("disk", "ok"),
        ("sync", "ok"),
        ("receivers", "ok"),
    ] {
        assert_eq!(level(&said, name), wanted, "{name} in {said}");
    }

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let ran = run_in(elsewhere.path(), &["doctor", "--json", "--listen", address], &[]);
    let said: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, level(&said, "database")), (Some(1), "fail"), "it is not the server's: {said}");
    assert!(ran.out.contains("a server runs here, but not on this database"), "{said}");

    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = other.local_addr().expect("bound").to_string();
    let answering = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut connection, _) = other.accept().expect("it asks");
        let _ = connection.read(&mut [0; 4096]);
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").expect("it reads");
    });
    let (code, said) = doctor(&taken, &["--public-url", "http://127.0.0.1:9"]);
    assert_eq!(
        (code, level(&said, "listen"), level(&said, "public URL")),
        (Some(1), "fail", "warn"),
        "{said}"
    );
    answering.join().expect("no panic");
}

#[test]
fn the_file_that_is_installed_is_the_example_of_this_very_program() {
    let example = run(&["check-config", "--example"], &[]).ok();
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/groundswell.toml");
    let installed = std::fs::read_to_string(installed).expect("it is there");
    assert_eq!(installed, example, "run `groundswell check-config --example > deploy/groundswell.toml`");
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("g.toml"), installed).expect("a new file");
    let with = run_in(directory.path(), &["check-config", "--config", "g.toml"], &[]).ok();
    assert_eq!(with, run_in(directory.path(), &["check-config"], &[]).ok(), "all of it is commented out");
}

#[test]
fn the_numbers_of_deliveries_are_set_by_variables_too() {
    let variables = [
        ("GROUNDSWELL_DELIVERY_SLOTS", "11"),
        ("GROUNDSWELL_ENDPOINT_SLOTS", "12"),
        ("GROUNDSWELL_CONNECT_TIMEOUT_MS", "13"),
        ("GROUNDSWELL_TOTAL_TIMEOUT_MS", "14"),
    ];
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("g.toml"), "[delivery]\nslots = 1\nendpoint_slots = 2\n")
        .expect("a file");
    let said = run_in(directory.path(), &["check-config", "--json", "--config", "g.toml"], &variables).json();
    let wanted =
        json!({ "slots": 11, "endpoint_slots": 12, "connect_timeout_ms": 13, "total_timeout_ms": 14 });
    assert_eq!(said["delivery"], wanted);
}

#[test]
fn health_is_whether_the_server_is_ready() {
    let server = Server::start();
    assert_eq!(run(&["health", "--url", server.url()], &[]).ok(), "ready\n");
    let environment = [("GROUNDSWELL_URL", server.url())];
    assert_eq!(run(&["health", "--json"], &environment).json(), json!({ "ready": true }));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    drop(taken);
    run(&["health", "--url", &format!("http://{address}")], &[]).fails_saying(&["cannot be reached"]);
    run(&["health", "--url", &format!("{}/v2", server.url())], &[]).fails_saying(&["no Groundswell"]);
}

#[test]
fn the_admin_key_may_be_in_a_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("admin-key");
    std::fs::write(&path, format!("{ADMIN_KEY}\n")).expect("a new file");
    let environment = [("GROUNDSWELL_ADMIN_KEY_FILE", "admin-key")];
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("is ours");
    let said = run_in(directory.path(), &["check-config"], &environment).ok();
    assert!(said.contains("admin_key = \"***\"") && !said.contains(ADMIN_KEY), "{said}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("is ours");
    let ran = run_in(directory.path(), &["check-config"], &environment);
    assert!(ran.code == Some(1) && ran.err.contains("chmod 600"), "{}", ran.err);
}
