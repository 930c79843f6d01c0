//! The task that writes letters into the outbox and sends what is in it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Letter, Post, Posted};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{LetterRecord, Standing};

/// How often it is looked for what is to be told and what is due, when nobody says that there is something.
const LOOK_MS: i64 = 2_000;

/// Letters read at once.
const STEP: usize = 32;

/// The longest wait between two tries: an hour.
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// A letter is thrown away that could not be sent for so long: three days.
pub(super) const KEPT_MS: i64 = 3 * 86_400_000;

/// So many letters wait at most; while there are as many, nothing new is told. What waits to be told is kept as it is.
pub(super) const ROOM: i64 = 10_000;

/// Tells until it is stopped.
pub(super) async fn run(engine: Arc<Engine>, post: Option<Arc<dyn Post>>, stop: CancellationToken) {
    let look_ms = LOOK_MS.min(engine.config.telling.retry_base_ms).max(50);
    // How often in a row the mail server was away, and until when it is left alone.
    let (mut away, mut rests_until_ms) = (0_u32, 0_i64);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.telling.written.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(look_ms.unsigned_abs())) => {}
        }
        if let Err(error) = engine.write_letters().await {
            tracing::warn!(%error, "letters to owners were not written; the next try follows");
        }
        let Some(post) = &post else { continue };
        // Another process may have the outbox by now.
        let is_ours = engine.store.standing() == Standing::Sure;
        if !is_ours || engine.clock.now_ms() < rests_until_ms {
            continue;
        }
        // A letter under way is not waited for: it is sent again after the next start.
        let sent = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            sent = engine.send_due(post.as_ref()) => sent,
        };
        match sent {
            Ok(None) => away = 0,
            Ok(Some(why)) => {
                let wait_ms = engine.wait_ms(i64::from(away));
                tracing::warn!(why, wait_ms, "the mail server does not take letters; they wait");
                away = away.saturating_add(1);
                rests_until_ms = engine.clock.now_ms().saturating_add(wait_ms);
            }
            Err(error) => tracing::warn!(%error, "the outbox could not be worked on; the next try follows"),
        }
    }
}

impl Engine {
    /// Sends what is due. Answers why it stopped early, if the mail server is away.
    async fn send_due(&self, post: &dyn Post) -> Result<Option<String>, EngineError> {
        loop {
            let due = self.store.due_letters(self.clock.now_ms(), STEP).await?;
            let is_last = due.len() < STEP;
            for record in due {
                if let Some(why) = self.send_letter(post, record).await? {
                    return Ok(Some(why));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// Answers why it was not sent, if the mail server is away.
    async fn send_letter(
        &self,
        post: &dyn Post,
        record: LetterRecord,
    ) -> Result<Option<String>, EngineError> {
        let LetterRecord { id, attempts, created_at_ms, .. } = record;
        if self.clock.now_ms().saturating_sub(created_at_ms) > KEPT_MS {
            tracing::error!(letter.id = id, "a letter could not be sent for three days and is thrown away");
            self.store.remove_letter(id).await?;
            return Ok(None);
        }
        let Some(letter) = letter(record) else {
            tracing::error!(letter.id = id, "a letter in the outbox cannot be read and is thrown away");
            self.store.remove_letter(id).await?;
            return Ok(None);
        };
        match post.send(&letter).await {
            Posted::Sent => self.store.remove_letter(id).await?,
            Posted::Refused(why) => {
                tracing::warn!(letter.id = id, why, "the mail server refused a letter");
                self.store.remove_letter(id).await?;
            }
            Posted::NotNow(why) => {
                tracing::info!(letter.id = id, why, "a letter was not taken; it is tried again");
                let due_at_ms = self.clock.now_ms().saturating_add(self.wait_ms(attempts));
                self.store.put_letter_off(id, due_at_ms).await?;
            }
            Posted::Away(why) => return Ok(Some(why)),
        }
        Ok(None)
    }

    /// Throws away what nobody sends any more: the server may have no mail server since its last start.
    pub(crate) async fn forget_old_letters(&self) -> Result<(), EngineError> {
        let before_ms = self.clock.now_ms().saturating_sub(KEPT_MS);
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
