//! Whose an e-mail address is, as a plain map.

use std::collections::BTreeMap;

use async_trait::async_trait;
use groundswell_types::{Email, UserId};

use super::Memory;
use crate::store::{AddressRecord, AddressState, AddressStore, StoreError};

/// What is kept of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses(BTreeMap<(UserId, Email), AddressRecord>);

impl Addresses {
    /// Keeps that somebody is asked, unless they have answered.
    pub(super) fn ask(&mut self, record: &AddressRecord) {
        let before = self.0.get(&(record.user_id.clone(), record.email.clone()));
        if before.is_none_or(|before| before.state == AddressState::Asked) {
            let known = before.and_then(|before| before.token.clone());
            self.save(&AddressRecord { token: known.or_else(|| record.token.clone()), ..record.clone() });
        }
    }

    fn save(&mut self, record: &AddressRecord) {
        self.0.insert((record.user_id.clone(), record.email.clone()), record.clone());
    }
}

#[async_trait]
impl AddressStore for Memory {
    async fn address(&self, user: &UserId, email: &Email) -> Result<Option<AddressRecord>, StoreError> {
        Ok(self.state().addresses.0.get(&(user.clone(), email.clone())).cloned())
    }

    async fn address_of_link(&self, token: &str) -> Result<Option<AddressRecord>, StoreError> {
        let state = self.state();
        Ok(state.addresses.0.values().find(|one| one.token.as_deref() == Some(token)).cloned())
    }

    async fn save_address(&self, record: &AddressRecord) -> Result<(), StoreError> {
        self.state().addresses.save(record);
        Ok(())
    }

    async fn forget_unanswered(&self, before_ms: i64) -> Result<(), StoreError> {
        let state = &mut *self.state();
        state.addresses.0.retain(|_, one| one.state != AddressState::Asked || one.at_ms >= before_ms);
        state.letters.forget_unanswered(&state.endpoints, before_ms);
        Ok(())
    }
}
