//! What `doctor` finds when something is wrong, and that it says what to do.

use serde_json::{Value, json};

use super::run;
use crate::ports;
use crate::receiver::Receiver;
use crate::upgrade::{KEY, Sample, versions};
use crate::waiting::now_ms;

/// What is found on a database: level, what is said, what to do.
fn found(database: &str, environment: &[(&str, &str)], name: &str) -> (String, String, String) {
    let environment = [&[("GROUNDSWELL_SECRETS_KEY", KEY)], environment].concat();
    let ran = run(&["doctor", "--json", "--listen", "127.0.0.1:0", "--database-url", database], &environment);
    let said: Value = serde_json::from_str(&ran.out).expect("JSON");
    let checks = said["checks"].as_array().expect("checks");
    let check =
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {said}"));
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(said["ok"], json!(ran.code == Some(0)));
    (text("level"), text("said"), text("advice"))
}

fn newest() -> String {
    versions().pop().expect("there is a sample")
}

#[test]
fn a_clock_behind_what_the_database_has_is_a_failure() {
    let sample = Sample::of(&newest(), &Receiver::start());
    assert_eq!(found(&sample.url(), &[], "clock").0, "ok");
    let ahead_ms = now_ms() + 3_600_000;
    sample.sql(&format!("INSERT INTO boot (at_ms, is_clean, has_ended) VALUES ({ahead_ms}, 1, 1)"));
    let (level, said, advice) = found(&sample.url(), &[], "clock");
    assert_eq!(level, "fail");
    assert!(said.ends_with("s behind the newest entry of the database"), "{said}");
    assert!(advice.contains("timedatectl set-ntp true"), "{advice}");
}

#[test]
fn an_earlier_version_and_the_settings_it_was_left_with_are_pointed_out() {
    let sample = Sample::of("0001", &Receiver::start());
    let (level, said, advice) = found(&sample.url(), &[], "database");
    assert!(level == "warn" && said.contains("is at 0001; "), "{said}");
    assert!(advice.starts_with("Make a backup; `groundswell migrate`"), "{advice}");
    sample.leave_wal();
    let (level, said, _) = found(&sample.url(), &[], "settings");
    assert_eq!(level, "warn");
    for words in ["journal_mode delete", "synchronous 2", "page_size 4096", "SQLite 3.5"] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
}

#[test]
fn receivers_that_cannot_be_reached_are_named_without_the_rest_of_their_urls() {
    const ALLOWED: [(&str, &str); 1] = [("GROUNDSWELL_EGRESS_ALLOW", "127.0.0.0/8")];
    let receiver = Receiver::start();
    let sample = Sample::of(&newest(), &receiver);
    let (level, said, _) = found(&sample.url(), &ALLOWED, "receivers");
    assert_eq!((&*level, &*said), ("ok", "1 of 1 tried accept connections"));

    let (level, said, advice) = found(&sample.url(), &[], "receivers");
    assert_eq!(level, "warn", "no delivery reaches it: {said}");
    assert!(said.contains("127.0.0.1 is ") && said.contains("to public addresses only"), "{said}");
    assert!(advice.contains("GROUNDSWELL_EGRESS_ALLOW"), "{advice}");

    let closed = format!("127.0.0.1:{}", ports::kept());
    sample.sql(&format!("UPDATE endpoint SET url = 'http://{closed}/inbox/t'"));
    let own = [("GROUNDSWELL_PUBLIC_URL", &*format!("http://{closed}/"))];
    let (level, said, _) = found(&sample.url(), &own, "receivers");
    assert!(
        level == "ok" && said.contains("nothing to connect to"),
        "inboxes are in this very server: {said}"
    );

    sample.sql(&format!("UPDATE endpoint SET url = 'http://{closed}/s3cret' WHERE id = 10"));
    let (level, said, advice) = found(&sample.url(), &ALLOWED, "receivers");
    assert_eq!(level, "warn");
    assert!(said.contains(&format!("{closed} takes no connection")) && !said.contains("s3cret"), "{said}");
    assert!(advice.contains("firewall"), "{advice}");

    sample.sql("UPDATE endpoint SET url = 'https://me:s3cret@nowhere.invalid/x' WHERE id = 10");
    let (level, said, advice) = found(&sample.url(), &ALLOWED, "receivers");
    assert_eq!(level, "warn");
    assert!(
        said.contains("nowhere.invalid:443 has a name that is not found") && !said.contains("s3cret"),
        "{said}"
    );
    assert!(advice.contains("name server"), "{advice}");
}

#[test]
fn a_proxy_that_deliveries_do_not_go_through_is_pointed_out() {
    for name in ["HTTPS_PROXY", "https_proxy", "all_proxy"] {
        let proxy = [(name, "http://me:s3cret@proxy:3128")];
        let (level, said, advice) = found("sqlite://nowhere/g.db", &proxy, "proxy");
        assert_eq!(level, "warn");
        assert!(said.starts_with(&format!("{name} is set")) && !said.contains("s3cret"), "{said}");
        assert!(advice.contains("NAT gateway"), "{advice}");
    }
}

#[test]
fn settings_of_postgresql_that_endanger_what_is_kept_are_pointed_out() {
    // A server of its own: others must not run with what is set here.
    let postgres = private_postgres::Server::start();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    run(&["migrate", "--database-url", &url], &[("GROUNDSWELL_SECRETS_KEY", KEY)]).ok();
    let (level, said, _) = found(&url, &[], "settings");
    assert_eq!(level, "ok");
    for words in ["synchronous_commit on", "fsync on", "full_page_writes on", "autovacuum on", "version 1"] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    assert_eq!(found(&url, &[], "clock").1, "the clock agrees with the database's");

    let set = |name: &str, value: &str| {
        postgres.sql(&database, &format!("ALTER SYSTEM SET {name} = {value}"));
        postgres.sql(&database, "SELECT pg_reload_conf()");
        crate::waiting::until("the setting is read", || {
            (postgres.sql(&database, &format!("SHOW {name}")).trim() == value).then_some(())
        });
    };
    for name in ["full_page_writes", "autovacuum"] {
        set(name, "off");
        let (level, said, advice) = found(&url, &[], name);
        assert_eq!(level, "warn");
        assert!(said.contains("is off") && advice.contains("pg_reload_conf()"), "{said} {advice}");
        set(name, "on");
    }
    for name in ["fsync", "synchronous_commit"] {
        set(name, "off");
        let (level, said, advice) = found(&url, &[], "database");
        assert_eq!(level, "fail");
        assert!(said.contains("can lose what it has committed"), "{said}");
        assert!(advice.contains("the database's own configuration"), "{advice}");
        set(name, "on");
    }
}
