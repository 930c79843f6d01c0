//! Letters to people as plain maps.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use groundswell_types::{Email, NoticeId, RecipientState, TeamId, UserId};

use super::Memory;
use crate::store::{
    DigestRecord, EndpointId, EndpointRecord, LetterRecord, NoticeRecord, Posting, RecipientRecord,
    StoreError, TellingStore,
};

/// What is kept of letters.
#[derive(Debug, Clone, Default)]
pub(super) struct Letters {
    recipients: BTreeMap<String, RecipientRecord>,
    /// When webhooks were deleted that are no more.
    gone: BTreeMap<EndpointId, i64>,
    refusals: BTreeSet<Email>,
    languages: BTreeMap<UserId, String>,
    told: BTreeSet<NoticeId>,
    outbox: BTreeMap<i64, LetterRecord>,
    digests: BTreeMap<EndpointId, DigestRecord>,
}

impl Letters {
    /// What is known of webhooks that are deleted, but for their recipients.
    pub(super) fn forget_webhooks(&mut self, endpoints: &[EndpointId], at_ms: i64) {
        self.digests.retain(|id, _| !endpoints.contains(id));
        self.gone.extend(endpoints.iter().map(|id| (*id, at_ms)));
    }

    /// Recipients of webhooks that were deleted before that time, and whoever was named before, is named no longer and has
    /// not answered.
    pub(super) fn forget_unanswered(
        &mut self,
        endpoints: &BTreeMap<EndpointId, EndpointRecord>,
        before_ms: i64,
    ) {
        let is_open = |one: &RecipientRecord| one.state != RecipientState::Invited || one.added_by.is_some();
        let gone = &self.gone;
        self.recipients.retain(|_, one| {
            let is_late = one.created_at_ms >= before_ms;
            let has_link = match gone.get(&one.endpoint_id) {
                _ if endpoints.contains_key(&one.endpoint_id) => true,
                Some(deleted_at_ms) => *deleted_at_ms >= before_ms,
                None => is_late,
            };
            has_link && (is_late || is_open(one))
        });
    }

    fn check(&self, posting: &Posting) -> Result<(), StoreError> {
        let is_taken = |new: &RecipientRecord| {
            self.recipients.values().any(|one| {
                one.id != new.id
                    && (one.token == new.token
                        || (one.endpoint_id == new.endpoint_id && one.email == new.email))
            })
        };
        if posting.recipients.iter().any(is_taken) {
            return Err(StoreError::Rejected("the webhook has this recipient already".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl TellingStore for Memory {
    async fn recipients(&self, endpoint: EndpointId) -> Result<Vec<RecipientRecord>, StoreError> {
        let state = self.state();
        let of_endpoint = state.letters.recipients.values().filter(|one| one.endpoint_id == endpoint);
        Ok(of_endpoint.cloned().collect())
    }

    async fn recipient(&self, token: &str) -> Result<Option<RecipientRecord>, StoreError> {
        Ok(self.state().letters.recipients.values().find(|one| one.token == token).cloned())
    }

    async fn refuse_letters(&self, email: &Email, _: i64) -> Result<(), StoreError> {
        let letters = &mut self.state().letters;
        letters.refusals.insert(email.clone());
        for one in letters.recipients.values_mut().filter(|one| one.email == *email) {
            one.state = RecipientState::Unsubscribed;
        }
        Ok(())
    }

    async fn allow_letters(&self, email: &Email) -> Result<(), StoreError> {
        self.state().letters.refusals.remove(email);
        Ok(())
    }

    async fn refuses_letters(&self, email: &Email) -> Result<bool, StoreError> {
        Ok(self.state().letters.refusals.contains(email))
    }

    async fn save_language_of(&self, user: &UserId, language: &str) -> Result<(), StoreError> {
        self.state().letters.languages.insert(user.clone(), language.to_owned());
        Ok(())
    }

    async fn language_of(&self, user: &UserId) -> Result<Option<String>, StoreError> {
        Ok(self.state().letters.languages.get(user).cloned())
    }

    async fn untold_notices(&self, limit: usize) -> Result<Vec<NoticeRecord>, StoreError> {
        let state = self.state();
        let untold = state.notices.iter().filter(|notice| !state.letters.told.contains(&notice.id));
        let mut untold: Vec<_> = untold.cloned().collect();
        untold.sort_by_key(|notice| notice.id);
        untold.truncate(limit);
        Ok(untold)
    }

    async fn told_notices(
        &self,
        team: &TeamId,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        let state = self.state();
        let is_of_team = |notice: &NoticeRecord| {
            state.programs.get(&notice.program_id).is_some_and(|program| program.team_id == *team)
        };
        let told = state.notices.iter().filter(|notice| {
            is_of_team(notice) && notice.at_ms >= since_ms && state.letters.told.contains(&notice.id)
        });
        let mut told: Vec<_> = told.cloned().collect();
        told.sort_by_key(|notice| std::cmp::Reverse(notice.id));
        told.truncate(limit);
        Ok(told)
    }

    async fn post(&self, posting: &Posting) -> Result<(), StoreError> {
        let state = &mut *self.state();
        state.letters.check(posting)?;
        if let Some(notice) = posting.notice {
            let is_there = state.notices.iter().any(|one| one.id == notice);
            if !is_there || !state.letters.told.insert(notice) {
                return Err(StoreError::Rejected("the notice was told already, or is gone".into()));
            }
        }
        for address in &posting.addresses {
            state.addresses.ask(address);
        }
        let letters = &mut state.letters;
        letters.digests.extend(posting.digest.map(|digest| (digest.endpoint_id, digest)));
        letters.recipients.extend(posting.recipients.iter().map(|one| (one.id.clone(), one.clone())));
        letters.outbox.extend(posting.letters.iter().map(|letter| (letter.id, letter.clone())));
        Ok(())
    }

    async fn due_letters(&self, now_ms: i64, limit: usize) -> Result<Vec<LetterRecord>, StoreError> {
        let state = self.state();
        let due = state.letters.outbox.values().filter(|letter| letter.due_at_ms <= now_ms);
        let mut due: Vec<_> = due.cloned().collect();
        due.sort_by_key(|letter| (letter.due_at_ms, letter.id));
        due.truncate(limit);
        Ok(due)
    }

    async fn waiting_letters(&self, cap: i64) -> Result<i64, StoreError> {
        let state = self.state();
        let waiting = state.letters.outbox.values().filter(|letter| letter.token.is_some()).count();
        Ok(i64::try_from(waiting).unwrap_or(i64::MAX).min(cap))
    }

    async fn remove_letter(&self, id: i64) -> Result<(), StoreError> {
        self.state().letters.outbox.remove(&id);
        Ok(())
    }

    async fn put_letter_off(&self, id: i64, due_at_ms: i64) -> Result<(), StoreError> {
        if let Some(letter) = self.state().letters.outbox.get_mut(&id) {
            letter.due_at_ms = due_at_ms;
            letter.attempts += 1;
        }
        Ok(())
    }

    async fn digests(&self) -> Result<Vec<DigestRecord>, StoreError> {
        Ok(self.state().letters.digests.values().copied().collect())
    }
}
