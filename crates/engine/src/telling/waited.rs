//! What somebody was not told because nobody knew whether their address is theirs. They are told once they say that it is: of each
//! webhook the last notice, which says the most.

use std::collections::HashSet;

use groundswell_types::{Email, NoticeKind, RecipientState, UserId};

use super::Content;
use super::addresses::ASKED_AGAIN_MS;
use super::outbox::{KEPT_MS, ROOM};
use super::writing::about;
use crate::directory::Endpoint;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{NoticeRecord, Posting, RecipientRecord};

/// So many notices of a team are looked through.
const LOOKED_THROUGH: usize = 200;

/// So many letters come of them.
const MANY: usize = 20;

impl Engine {
    /// Tells somebody what they were not told in the time in which they could have said that their address is theirs. The caller
    /// holds `telling.naming`.
    pub(super) async fn tell_what_waited(&self, user: &UserId, email: &Email) -> Result<(), EngineError> {
        let account = self.store.user(user).await?;
        let has_address = account.is_some_and(|account| account.email.as_ref() == Some(email));
        if !self.is_telling() || !has_address || self.store.waiting_letters(ROOM).await? >= ROOM {
            return Ok(());
        }
        let now_ms = self.clock.now_ms();
        let mut posting = Posting::default();
        let mut seen = HashSet::new();
        for membership in self.store.memberships(user).await? {
            let since_ms = membership.since_ms.max(now_ms.saturating_sub(ASKED_AGAIN_MS));
            let notices = self.store.told_notices(&membership.team_id, since_ms, LOOKED_THROUGH).await?;
            for notice in notices.into_iter().filter(|notice| seen.insert(notice.endpoint_id)) {
                if posting.letters.len() < MANY {
                    self.write_what_waited(notice, email, &mut posting).await?;
                }
            }
        }
        self.store.post(&posting).await?;
        self.telling.written.notify_one();
        Ok(())
    }

    async fn write_what_waited(
        &self,
        notice: NoticeRecord,
        email: &Email,
        posting: &mut Posting,
    ) -> Result<(), EngineError> {
        let endpoint = self.directory.endpoint(notice.endpoint_id);
        let program = self.directory.program(&notice.program_id);
        let (Some(endpoint), Some(program)) = (endpoint, program) else { return Ok(()) };
        if !is_news(&notice, &endpoint, self.clock.now_ms()) {
            return Ok(());
        }
        let readers = self.readers(&program, &endpoint).await?.readers;
        let Some((recipient, is_new)) = readers.into_iter().find(|(one, _)| was_not_told(one, email)) else {
            return Ok(());
        };
        let NoticeRecord { kind, at_ms, since_ms, .. } = notice;
        let content = Content::Notice { notice: kind, about: about(&program, &endpoint), at_ms, since_ms };
        let mut letter = self.letter(&recipient.email, &recipient.language, &content);
        letter.token = Some(recipient.token.clone());
        posting.letters.push(letter);
        posting.recipients.extend(is_new.then_some(recipient));
        Ok(())
    }
}

/// Whoever said by another link that they want letters about the webhook has had this one.
fn was_not_told(recipient: &RecipientRecord, email: &Email) -> bool {
    let was_told = recipient.added_by.is_some() && recipient.state == RecipientState::Confirmed;
    recipient.email == *email && !was_told
}

/// That a webhook was disabled is news as long as it is.
fn is_news(notice: &NoticeRecord, endpoint: &Endpoint, now_ms: i64) -> bool {
    let is_disabled =
        matches!(notice.kind, NoticeKind::AutoDisabled | NoticeKind::Gone) && !endpoint.record.is_enabled;
    is_disabled || now_ms.saturating_sub(notice.at_ms) <= KEPT_MS
}
