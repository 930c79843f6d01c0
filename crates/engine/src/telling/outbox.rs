//! The task that writes letters into the outbox and sends what is in it. It does both at once: a mail server may take minutes to
//! say anything about a letter, and operational webhooks are told where letters are written.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::addresses::ASKED_AGAIN_MS;
use super::{Letter, Post, Posted};
use crate::activity::HOUR_MS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{LetterRecord, Standing};

/// How often it is looked for what is to be told and what is due, when nobody says that there is something.
const LOOK_MS: i64 = 2_000;

/// Letters read at once.
const STEP: usize = 32;

/// The longest wait between two tries of a letter: an hour.
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// The longest time for which nothing is tried at all: five minutes. One letter that a mail server keeps waiting looks like a
/// mail server that is away, and the others are not to wait for it as long as it does.
const LONGEST_REST_MS: i64 = 300_000;

/// A letter is thrown away that could not be sent for so long: three days.
pub(super) const KEPT_MS: i64 = 3 * 86_400_000;

/// So many letters wait at most that their reader can end; while there are as many, nothing new is told. What waits to be told
/// is kept as it is.
pub(super) const ROOM: i64 = 10_000;

/// Tells until it is stopped.
pub(super) async fn run(engine: Arc<Engine>, post: Option<Arc<dyn Post>>, stop: CancellationToken) {
    let writes = keep_writing(&engine, &stop);
    match &post {
        Some(post) => drop(tokio::join!(writes, keep_sending(&engine, post.as_ref(), &stop))),
        None => writes.await,
    }
}

/// Writes letters until it is stopped. What is being written about one webhook then is written to its end; the rest waits in the
/// store.
async fn keep_writing(engine: &Engine, stop: &CancellationToken) {
    while is_next_look(engine, stop, std::future::pending()).await {
        engine.announce_again().await;
        if let Err(error) = engine.write_letters(stop).await {
            tracing::warn!(%error, "letters to owners were not written; the next try follows");
        }
    }
}

/// Waits for the next look, or for a `call` that comes before it. Says whether there is one.
async fn is_next_look(engine: &Engine, stop: &CancellationToken, call: impl Future<Output = ()>) -> bool {
    let look_ms = LOOK_MS.min(engine.config.telling.retry_base_ms).max(50);
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = call => true,
        () = tokio::time::sleep(Duration::from_millis(look_ms.unsigned_abs())) => true,
    }
}

/// Sends letters until it is stopped.
async fn keep_sending(engine: &Engine, post: &dyn Post, stop: &CancellationToken) {
    // How often in a row nothing could be sent, and until when nothing is tried.
    let (mut failed, mut rests_until_ms) = (0_i64, 0_i64);
    while is_next_look(engine, stop, engine.telling.written.notified()).await {
        // Another process may have the outbox by now.
        let is_ours = engine.store.standing() == Standing::Sure;
        if !is_ours || engine.clock.now_ms() < rests_until_ms {
            continue;
        }
        // A letter under way is not waited for: it is sent again once its wait is over.
        let mut round = Round::default();
        let done = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            done = engine.send_due(post, &mut round) => done,
        };
        if round.sent > 0 {
            failed = 0;
        }
        let wait_ms = engine.wait_ms(failed).min(LONGEST_REST_MS);
        match (done, round.away) {
            (Ok(()), None) => continue,
            (Ok(()), Some(why)) => {
                tracing::warn!(why, wait_ms, "the mail server does not take letters; they wait");
            }
            // Whatever can be read but not written would else be tried at every look.
            (Err(error), _) => tracing::warn!(%error, wait_ms, "the outbox could not be worked on; it waits"),
        }
        failed = failed.saturating_add(1);
        rests_until_ms = engine.clock.now_ms().saturating_add(wait_ms);
    }
}

/// What came of working on what is due.
#[derive(Debug, Default)]
struct Round {
    /// So many letters were taken.
    sent: usize,
    /// Why it stopped early, if the mail server is away.
    away: Option<String>,
}

impl Engine {
    /// Sends what is due, until the mail server is away.
    async fn send_due(&self, post: &dyn Post, round: &mut Round) -> Result<(), EngineError> {
        loop {
            let due = self.store.due_letters(self.clock.now_ms(), STEP).await?;
            let is_last = due.len() < STEP;
            for record in due {
                self.send_letter(post, record, round).await?;
                if round.away.is_some() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn send_letter(
        &self,
        post: &dyn Post,
        record: LetterRecord,
        round: &mut Round,
    ) -> Result<(), EngineError> {
        let LetterRecord { id, attempts, created_at_ms, .. } = record;
        if self.clock.now_ms().saturating_sub(created_at_ms) > KEPT_MS {
            tracing::error!(letter.id = id, "a letter could not be sent for three days and is thrown away");
            return Ok(self.store.remove_letter(id).await?);
        }
        let Some(letter) = letter(record) else {
            tracing::error!(letter.id = id, "a letter in the outbox cannot be read and is thrown away");
            return Ok(self.store.remove_letter(id).await?);
        };
        if !self.is_wanted(&letter).await? {
            tracing::info!(letter.id = id, "a letter is not sent: its reader does not get it any more");
            return Ok(self.store.remove_letter(id).await?);
        }
        // The try is noted before it is made: a database that cannot be written would else have the letter sent again and
        // again, since nothing could say that it was. And whatever becomes of it, another letter's turn is next.
        let due_at_ms = self.clock.now_ms().saturating_add(self.wait_ms(attempts));
        self.store.put_letter_off(id, due_at_ms).await?;
        let letter = self.with_sign_in_link(letter).await?;
        match post.send(&letter).await {
            Posted::Sent => {
                round.sent += 1;
                self.store.remove_letter(id).await?;
            }
            Posted::Refused(why) => {
                tracing::warn!(letter.id = id, why, "the mail server refused a letter");
                self.store.remove_letter(id).await?;
            }
            Posted::NotNow(why) => {
                tracing::info!(letter.id = id, why, "a letter was not taken; it is tried again");
            }
            Posted::Away(why) => round.away = Some(why),
        }
        Ok(())
    }

    /// Throws away what nobody sends any more: the server may have no mail server since its last start. Forgets whoever was asked
    /// long ago and has not answered.
    pub(crate) async fn forget_old_letters(&self) -> Result<(), EngineError> {
        let now_ms = self.clock.now_ms();
        // It reads all who get letters, and while it does nobody else writes.
        if self.telling.unanswered.is_time(now_ms, HOUR_MS) {
            self.store.forget_unanswered(now_ms.saturating_sub(ASKED_AGAIN_MS)).await?;
        }
        let before_ms = now_ms.saturating_sub(KEPT_MS);
        loop {
            let old = self.store.due_letters(before_ms, STEP).await?;
            for letter in &old {
                self.store.remove_letter(letter.id).await?;
            }
            if old.len() < STEP {
                return Ok(());
            }
        }
    }

    /// The wait after a try that failed, when so many had failed before.
    fn wait_ms(&self, failed: i64) -> i64 {
        let doublings = failed.clamp(0, 20);
        self.config.telling.retry_base_ms.saturating_mul(1 << doublings).clamp(1, LONGEST_WAIT_MS)
    }
}

fn letter(record: LetterRecord) -> Option<Letter> {
    let LetterRecord { id, email, language, token, content_json, created_at_ms, .. } = record;
    let content = serde_json::from_str(&content_json).ok()?;
    Some(Letter { id, to: email, language, token, content, written_at_ms: created_at_ms })
}
