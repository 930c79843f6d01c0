//! Where webhooks may point: to whatever the guard lets through, and to this server's own inboxes.

use std::sync::Arc;

use url::Url;

use super::guard::{Forbidden, Guard};
use crate::config::EngineConfig;
use crate::inbox::Inboxes;

/// See the module. For URLs that are about to be saved or tested; what is connected to is checked again by the sender.
pub(crate) struct Destinations {
    guard: Guard,
    inboxes: Arc<Inboxes>,
}

impl Destinations {
    pub(crate) fn new(config: &EngineConfig, inboxes: Arc<Inboxes>) -> Self {
        Self { guard: Guard::from(config), inboxes }
    }

    /// Whether a webhook may have this URL. Names pass: they are checked when they are resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        if self.inboxes.is_own(url) { Ok(()) } else { self.guard.check_url(url) }
    }
}
