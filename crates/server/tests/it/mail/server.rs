//! A real mail server: `end2end/mail-server.mjs` as a process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::waiting;

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Plain,
    StartTls,
    Tls,
}

/// What it asks for.
pub const USER: &str = "groundswell";
pub const PASSWORD: &str = "planted-p@ssword";

/// A running mail server; ends when dropped.
pub struct MailServer {
    child: Child,
    port: u16,
    letters: Arc<Mutex<Vec<Value>>>,
    certificates: Option<Certificates>,
}

impl MailServer {
    /// One that takes letters from everybody, on a free port.
    pub fn start() -> Self {
        Self::on(0)
    }

    /// The same on a port that is to be its own also while it is down.
    pub fn on(port: u16) -> Self {
        Self::that(port, Speaks::Plain)
    }

    /// One that asks for a password if it speaks TLS.
    pub fn that(port: u16, speaks: Speaks) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../end2end/mail-server.mjs");
        let mut node = Command::new("node");
        node.arg(script).env("PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        let certificates = (speaks != Speaks::Plain).then(Certificates::new);
        if let Some(certificates) = &certificates {
            node.env("KEY", certificates.path("key.pem")).env("CERT", certificates.path("certificate.pem"));
            node.env("USER", USER).env("PASSWORD", PASSWORD);
            node.env("TLS", if speaks == Speaks::Tls { "1" } else { "0" });
        } else {
            node.env_remove("USER");
        }
        let mut child = node.spawn().expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("it says where it listens").expect("it is text");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        let port = first["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        let letters = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&letters);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let said: Value = serde_json::from_str(&line).expect("JSON");
                if said["to"].is_array() {
                    taken.lock().expect("no panic under the lock").push(said);
                }
            }
        });
        Self { child, port, letters, certificates }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a client is to trust.
    pub fn authority(&self) -> PathBuf {
        self.certificates.as_ref().expect("it speaks TLS").path("authority.pem")
    }

    /// Everything it has taken, in order.
    pub fn letters(&self) -> Vec<Value> {
        self.letters.lock().expect("no panic under the lock").clone()
    }

    /// Waits until it has taken so many.
    pub fn wait_for(&self, count: usize) -> Vec<Value> {
        waiting::until(format!("{count} letters"), || {
            let letters = self.letters();
            (letters.len() >= count).then_some(letters)
        })
    }

    /// The same, of letters to one address.
    pub fn wait_for_letters_to(&self, email: &str, count: usize) -> Vec<Value> {
        waiting::until(format!("{count} letters to {email}"), || {
            let letters = self.letters_to(email);
            (letters.len() >= count).then_some(letters)
        })
    }

    pub fn letters_to(&self, email: &str) -> Vec<Value> {
        self.letters().into_iter().filter(|letter| letter["to"] == json!([email])).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
