//! `groundswell verify`: whether a request's signatures are right, and if not, why.

pub(crate) mod diagnosis;

use std::io::Read as _;
use std::path::PathBuf;

use groundswell_types::Secret;
use serde_json::json;

use self::diagnosis::{Finding, Request, Verdict};
use crate::Surroundings;
use crate::failure::Failure;
use crate::listen::secret;
use crate::terminal::{Output, Terminal, Tone};

/// More than any event has.
const MAX_BODY_BYTES: u64 = 64 << 20;

/// Says whether a request's signatures are right, and if not, why.
///
/// Give the body exactly as it came, byte by byte, and the headers that were with it. No server is needed. Exit code 1
/// means that a signature is not right.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The file with the body; `-` is standard input.
    #[arg(value_name = "BODY", default_value = "-")]
    body: PathBuf,
    /// The webhook's secret.
    #[arg(long, env = "GROUNDSWELL_WEBHOOK_SECRET", value_name = "SECRET", value_parser = secret, hide_env_values = true)]
    secret: Secret,
    /// A header of the request, for example 'GrowSurf-Signature: ts=…,v=…' or 'webhook-id: evt_…'. Others are ignored.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", required = true, value_parser = header)]
    headers: Vec<(String, String)>,
    /// How far the request's time may be from now, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    tolerance: u32,
    #[command(flatten)]
    output: Output,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'name: value'")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

impl Verify {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        let mut terminal = Terminal::new(&self.output);
        let body = self.read_body()?;
        let request = Request {
            secret: &self.secret,
            headers: &self.headers,
            body: &body,
            now_ms: (surroundings.now_ms)(),
            tolerance_ms: i64::from(self.tolerance) * 1000,
        };
        let findings = diagnosis::examine(&request);
        let is_good = findings.iter().all(|finding| finding.verdict == Verdict::Right);
        if terminal.is_json() {
            let signatures: Vec<_> = findings.iter().map(as_json).collect();
            terminal
                .json(&json!({ "verified": is_good && !findings.is_empty(), "signatures": signatures }))?;
        } else {
            for finding in &findings {
                tell(&mut terminal, finding)?;
            }
        }
        if findings.is_empty() {
            return Err(Failure::new(
                "None of the headers is a signature.",
                "Give GrowSurf-Signature, or webhook-id, webhook-timestamp and webhook-signature, with --header. A \
                 webhook without a secret sends none.",
            ));
        }
        if is_good { Ok(()) } else { Err(Failure::Unsuccessful) }
    }

    fn read_body(&self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let read = if self.body.as_os_str() == "-" {
            std::io::stdin().lock().take(MAX_BODY_BYTES).read_to_end(&mut body)
        } else {
            std::fs::File::open(&self.body).and_then(|file| file.take(MAX_BODY_BYTES).read_to_end(&mut body))
        };
        read.map(|_| body).map_err(|error| {
            Failure::new(
                format!("The body cannot be read from {}: {error}.", self.body.display()),
                "Give a file, or - and the body on standard input.",
            )
        })
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let why = match &finding.verdict {
        Verdict::Right => None,
        Verdict::Wrong(why) => Some(why),
    };
    json!({ "header": finding.header, "right": why.is_none(), "reason": why })
}

fn tell(terminal: &mut Terminal, finding: &Finding) -> Result<(), Failure> {
    let line = match &finding.verdict {
        Verdict::Right => format!("{} {}", terminal.toned(Tone::Good, "right"), finding.header),
        Verdict::Wrong(why) => format!("{} {}: {why}", terminal.toned(Tone::Bad, "WRONG"), finding.header),
    };
    terminal.line(&line)
}
