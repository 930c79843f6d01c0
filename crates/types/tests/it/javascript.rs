//! Held against real JavaScript: `JSON.stringify(JSON.parse(body)) === body` for every body we would send, and
//! refused is exactly what JavaScript would change.
//!
//! One Node process judges by itself (`javascript/oracle.mjs` shares no code with ours): whether a text is JSON,
//! which of its numbers and strings JavaScript cannot hold, and what it would print.

mod generator;

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use groundswell_types::json;

use generator::Case;

/// The first case's seed; each further case has the next.
const SEED: u64 = 20_240_229;
const CASES: u64 = 125_000;
/// So many of the cases must be accepted, or the generator no longer tests what it is for.
const ACCEPTED_AT_LEAST: u64 = 100_000;

/// What we make of one text.
#[derive(Debug, PartialEq)]
enum Ours {
    Rendered(Vec<u8>),
    RefusedAt(Vec<String>),
}

impl Ours {
    fn of(text: &str) -> Self {
        match json::parse(text.as_bytes()) {
            Ok(tree) => Self::Rendered(tree.render()),
            Err(problems) => Self::RefusedAt(problems.into_iter().map(|problem| problem.pointer).collect()),
        }
    }

    /// The line the oracle reads: the text, a sign, and the rendering or the list of pointers, in base64.
    fn line(&self, text: &str) -> String {
        let (sign, ours) = match self {
            Self::Rendered(bytes) => ('+', BASE64.encode(bytes)),
            Self::RefusedAt(pointers) => {
                ('-', BASE64.encode(serde_json::to_string(pointers).expect("strings are JSON")))
            }
        };
        format!("{} {sign} {ours}\n", BASE64.encode(text))
    }
}

fn start_oracle() -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/javascript/oracle.mjs");
    Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs Node 20 or newer as `node` on the PATH: {error}"))
}

/// The oracle's answers to `lines`, in order: empty when it agrees, else why not.
fn ask(lines: impl Iterator<Item = String> + Send, mut each: impl FnMut(u64, &str)) {
    let mut oracle = start_oracle();
    let input = oracle.stdin.take().expect("stdin is piped");
    let output = BufReader::new(oracle.stdout.take().expect("stdout is piped"));
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut input = BufWriter::new(input);
            for line in lines {
                // A closed pipe means that the oracle died, which the reader reports.
                if input.write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        });
        for (number, answer) in (0..).zip(output.lines()) {
            each(number, &answer.expect("the oracle answers in UTF-8"));
        }
    });
    let status = oracle.wait().expect("the oracle ends");
    assert!(status.success(), "the oracle failed: {status}; its message is above");
}

#[test]
fn whatever_is_accepted_is_what_javascript_prints_and_only_what_it_would_change_is_refused() {
    let lines = (0..CASES).map(|number| {
        let case = Case::generate(SEED + number);
        Ours::of(&case.text).line(&case.text)
    });
    let (mut answered, mut accepted, mut refused) = (0, 0, 0);
    ask(lines, |number, answer| {
        answered += 1;
        match answer {
            "rendered" => accepted += 1,
            "refused" => refused += 1,
            objection => {
                let case = Case::generate(SEED + number);
                panic!(
                    "seed {}: {objection}\n in: {:?}\nout: {:?}",
                    case.seed,
                    case.text,
                    Ours::of(&case.text)
                );
            }
        }
    });
    assert_eq!(answered, CASES, "the oracle stopped early");
    assert!(accepted >= ACCEPTED_AT_LEAST, "only {accepted} of {CASES} cases were accepted");
    assert!(refused >= 8_000, "only {refused} of {CASES} cases were refused");
}

#[test]
fn the_oracle_would_notice() {
    let rendered = |text: &str| Ours::Rendered(text.as_bytes().to_vec());
    let refused =
        |pointers: &[&str]| Ours::RefusedAt(pointers.iter().map(|&pointer| pointer.to_owned()).collect());
    let wrong = [
        ("[1.0]", rendered("[1.0]")),
        ("[-0]", rendered("[-0]")),
        (r#"{"b":1,"1":2}"#, rendered(r#"{"b":1,"1":2}"#)),
        (r#"{"a":1,"a":2}"#, rendered(r#"{"a":1}"#)),
        (r#""\u2028""#, rendered(r#""\u2028""#)),
        ("[9007199254740993]", rendered("[9007199254740992]")),
        ("[1e400]", rendered("[null]")),
        (r#"["\ud800"]"#, rendered(r#"["\ud800"]"#)),
        ("[1,]", rendered("[1]")),
        ("[1.50]", refused(&["/0"])),
        ("[1e400,1e-400]", refused(&["/0"])),
        ("[1e400]", refused(&[""])),
    ];
    let lines: Vec<String> = wrong.iter().map(|(text, ours)| ours.line(text)).collect();
    let mut objections = 0;
    ask(lines.into_iter(), |number, answer| {
        let wrong = usize::try_from(number).map(|number| &wrong[number]);
        assert!(!matches!(answer, "rendered" | "refused"), "the oracle let this pass: {wrong:?}");
        objections += 1;
    });
    assert_eq!(objections, wrong.len());
}

#[test]
fn what_javascript_would_change_is_named_wherever_it_is() {
    let text = r#"{"a":[1e400,{"b/c":"\udfff"}],"~":9007199254740993,"ok":1e21,"9":1e-400}"#;
    assert_eq!(
        Ours::of(text),
        Ours::RefusedAt(vec!["/a/0".to_owned(), "/a/1/b~1c".to_owned(), "/~0".to_owned(), "/9".to_owned()])
    );
}
