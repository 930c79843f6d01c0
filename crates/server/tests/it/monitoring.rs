//! What is in `deploy/` for Prometheus and Grafana, with a real Prometheus: it collects from the running server, has the
//! alerts, and every query of the dashboard finds something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Call, Client};
use crate::ports;
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server};
use crate::waiting;

/// One of Prometheus' programs: that which `cargo xtask setup` has fetched, else the machine's.
fn program(name: &str) -> Command {
    let target = Path::new(env!("CARGO_BIN_EXE_groundswell")).ancestors().nth(2).expect("target/debug");
    let fetched = target.join("xtask/prometheus/usr/bin").join(name);
    if fetched.is_file() { Command::new(fetched) } else { Command::new(name) }
}

const MISSING: &str = "Prometheus' programs are there: `cargo xtask setup` fetches them";

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

fn promtool(arguments: &[&str]) -> String {
    let output =
        program("promtool").args(arguments).current_dir(deploy("prometheus")).output().expect(MISSING);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// A running Prometheus with the example's settings, but for where the server is and how often it is asked.
struct Prometheus {
    directory: TempDir,
    child: Child,
    client: Client,
}

impl Prometheus {
    fn collecting_from(metrics: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let example = fs::read_to_string(deploy("prometheus/prometheus.yml")).expect("the example");
        let settings =
            example.replacen("127.0.0.1:9464", metrics, 2).replace("interval: 15s", "interval: 1s");
        assert!(settings.contains(metrics) && settings.contains("interval: 1s"), "{settings}");
        fs::write(directory.path().join("prometheus.yml"), settings).expect("a new file");
        fs::copy(deploy("prometheus/alerts.yml"), directory.path().join("alerts.yml")).expect("a copy");
        // It does not say which port it took, so it is given one that is free; somebody else may be quicker.
        for _ in 0..5 {
            let free = format!("127.0.0.1:{}", ports::kept());
            let mut child = spawn(directory.path(), &free);
            let client = Client::new(&format!("http://{free}"), "").authorized_by(None);
            let has_started = waiting::until("Prometheus is ready", || {
                if child.try_wait().expect("it was started here").is_some() {
                    return Some(false);
                }
                let ready = Call { method: "GET", path: "/-/ready", headers: &[], body: &[] };
                client.try_send(ready).is_ok_and(|answer| answer.status == 200).then_some(true)
            });
            if has_started {
                return Self { directory, child, client };
            }
        }
        panic!("{}", fs::read_to_string(directory.path().join("log.txt")).unwrap_or_default());
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(query);
        let answer = self.client.get(&format!("/api/v1/{path}?{}", encoded.finish()));
        assert_eq!(answer.status, 200, "{query:?}: {}", answer.text);
        answer.json()["data"].clone()
    }

    /// What a query finds now that is a number.
    fn numbers(&self, query: &str) -> usize {
        let data = self.get("query", &[("query", query)]);
        let series = data["result"].as_array().expect("series");
        series.iter().filter(|one| one["value"][1].as_str().is_some_and(|value| value != "NaN")).count()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = &self.directory;
    }
}

fn spawn(directory: &Path, address: &str) -> Child {
    let log = fs::File::create(directory.join("log.txt")).expect("a new file");
    program("prometheus")
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address"])
        .arg(address)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect(MISSING)
}

/// The dashboard's queries with the title of their panel, as Grafana would send them.
fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(deploy("grafana/dashboard.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().expect("targets").clone();
        targets.into_iter().map(move |target| {
            let query = target["expr"].as_str().expect("a query").to_owned();
            (title.clone(), query.replace("$__rate_interval", "15s").replace("$instance", ".*"))
        })
    };
    panels.iter().flat_map(of_panel).collect()
}

#[test]
fn the_alerts_are_good_rules_and_each_is_raised_by_what_it_is_for_alone() {
    let checked = promtool(&["check", "rules", "alerts.yml"]);
    let rules = fs::read_to_string(deploy("prometheus/alerts.yml")).expect("the rules");
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    assert!(checked.contains(&format!("{} rules found", alerts.len())), "{checked}");
    assert_eq!(rules.matches("runbook:").count(), alerts.len(), "an alert without a runbook");
    let tests = fs::read_to_string(deploy("prometheus/alerts.test.yml")).expect("the tests");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is raised in no test");
    }
    promtool(&["test", "rules", "alerts.test.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn prometheus_collects_has_the_alerts_and_answers_every_query_of_the_dashboard() {
    let settings: Vec<_> =
        QUICK_RETRY.into_iter().chain([NO_BREAKER, ("GROUNDSWELL_METRICS_LISTEN", "127.0.0.1:0")]).collect();
    let server = Server::with(&settings);
    let log = server.log();
    let metrics = log.lines().find_map(|line| line.strip_prefix("Metrics are at http://"));
    let metrics = metrics.and_then(|rest| rest.strip_suffix("/metrics")).expect("it says where");
    let receiver =
        Receiver::that(|request| Reaction::from(if request.number.is_multiple_of(5) { 500 } else { 200 }));
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let prometheus = Prometheus::collecting_from(metrics);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                client.join(&program, &format!("p{number}"));
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask_everything(&prometheus)));
        stop.store(true, Ordering::SeqCst);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn ask_everything(prometheus: &Prometheus) {
    const PATIENCE: Duration = Duration::from_mins(1);
    let queries = queries();
    assert!(queries.len() > 20, "the dashboard has its queries");
    for (title, query) in queries {
        waiting::within(PATIENCE, format!("{title} has data: {query}"), || {
            (prometheus.numbers(&query) > 0).then_some(())
        });
    }
    let instances = prometheus.get("label/instance/values", &[("match[]", "groundswell_ready")]);
    assert_eq!(instances.as_array().map(Vec::len), Some(1), "what the dashboard offers to choose from");
    let alerts = waiting::within(PATIENCE, "the alerts were looked at", || {
        let groups = prometheus.get("rules", &[("type", "alert")]);
        let rules = groups["groups"][0]["rules"].as_array().expect("rules").clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert_eq!(alerts.len(), 12);
    for alert in alerts {
        assert_eq!((&alert["health"], &alert["state"]), (&"ok".into(), &"inactive".into()), "{alert}");
    }
}
