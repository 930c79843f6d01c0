//! Pages that stay open while nothing happens, each with a stream over which the server would tell what changed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::{Aim, Findings};
use crate::busy::Busy;
use crate::measure::Settings;
use crate::memory::Memory;
use crate::numbers::float;
use crate::subject::{Subject, Webhook};
use anyhow::{Context as _, Result, ensure};

const PAGES: u32 = 200;

/// So many may be open in one session at a time.
const PAGES_OF_A_SESSION: u32 = 50;

/// How long the server is watched: long enough for what it says when there is nothing to say.
const WATCHED: Duration = Duration::from_mins(1);

const BUSY_PERCENT: f64 = 5.0;

/// Who may embed the pages; it is asked for nothing.
const HOST: &str = "https://host.example";

/// Where nothing listens; nothing is sent there.
const NOWHERE: &str = "http://127.0.0.1:2/";

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let directory = settings.scratch()?;
    let embedded = [("GROUNDSWELL_EMBED_ORIGINS", HOST.to_owned())];
    let server = Subject::server_with(&settings.server, directory.path(), &embedded)?;
    let program = server.create(&[NOWHERE.to_owned()], Webhook::Enabled)?;
    let before = Memory::of_process(server.id())?;
    let mut pages = Vec::new();
    for _ in 0..PAGES / PAGES_OF_A_SESSION {
        let cookie = server.editor(&program)?;
        for _ in 0..PAGES_OF_A_SESSION {
            pages.push(open(server.address(), &program, &cookie)?);
        }
    }
    let busy = Busy::now(Some(server.id()));
    thread::sleep(WATCHED);
    let share = busy.since(Some(server.id())).subject.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    let after = Memory::of_process(server.id())?;
    server.add_webhook(&program, NOWHERE, Webhook::Enabled)?;
    for page in &mut pages {
        read_until(page, "data: [\"webhooks\"]").context("a page is no longer told anything")?;
    }
    let title = format!("{PAGES} open pages, nothing happening: of a core over {} s", WATCHED.as_secs());
    findings.aimed(title, (share, "%"), Aim::AtMost(BUSY_PERCENT));
    let own = float(after.anonymous_kib.saturating_sub(before.anonymous_kib)) / f64::from(PAGES);
    findings.told("memory of an open page", own, "KiB");
    server.kill()
}

/// A page's stream that stands.
fn open(address: SocketAddr, program: &str, cookie: &str) -> Result<TcpStream> {
    let mut page = TcpStream::connect(address)?;
    page.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        page,
        "GET /embed/programs/{program}/live HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n"
    )?;
    let head = read_until(&mut page, "\r\n\r\n")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "no stream: {head}");
    if !head.contains("data: []") {
        read_until(&mut page, "data: []")?;
    }
    Ok(page)
}

/// Everything up to and with what was read last.
fn read_until(page: &mut TcpStream, wanted: &str) -> Result<String> {
    let mut read = String::new();
    while !read.contains(wanted) {
        let mut buffer = [0; 1024];
        let bytes = page.read(&mut buffer)?;
        ensure!(bytes > 0, "the stream has ended: {read}");
        read.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
    }
    Ok(read)
}
