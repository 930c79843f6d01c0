//! What people and programs do with an inbox.

use groundswell_types::editor::{DraftRow, SecretDraft};
use groundswell_types::{EventKind, Inbox, InboxRequestDetail, InboxRequestId, MAX_WEBHOOKS, ProgramId};

use super::{Arrived, KEPT_MS, NotTaken, address};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::InboxRecord;

const NO_ADDRESS: &str = "This server does not know its public URL, so it has no inboxes.";

impl Engine {
    /// A program's inbox. Its address is made when it is first asked for.
    pub async fn inbox(&self, program: &ProgramId) -> Result<Inbox, EngineError> {
        self.program_entry(program)?;
        let url = match self.inboxes.addresses.url(program) {
            Some(url) => url,
            None => self.make_address(program, Making::Missing).await?,
        };
        let since_ms = self.clock.now_ms().saturating_sub(KEPT_MS);
        Ok(Inbox { url, requests: self.store.inbox_requests(program, since_ms).await? })
    }

    /// A request that a program's inbox has got, in full.
    pub async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<InboxRequestDetail, EngineError> {
        self.program_entry(program)?;
        let found = self.store.inbox_request(program, id).await?;
        let since_ms = self.clock.now_ms().saturating_sub(KEPT_MS);
        let request = found
            .filter(|request| request.received_at_ms >= since_ms)
            .ok_or(EngineError::NotFound("request"))?;
        Ok(InboxRequestDetail {
            request: request.view(),
            is_text: std::str::from_utf8(&request.body).is_ok(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            headers: request.headers,
        })
    }

    /// Removes everything a program's inbox has got.
    pub async fn clear_inbox(&self, program: &ProgramId) -> Result<(), EngineError> {
        self.program_entry(program)?;
        self.store.clear_inbox(program).await?;
        self.inboxes.tell(program);
        Ok(())
    }

    /// Gives a program's inbox another address; the one it had is nobody's from now on.
    pub async fn replace_inbox_address(&self, program: &ProgramId) -> Result<String, EngineError> {
        self.program_entry(program)?;
        self.make_address(program, Making::Anew).await
    }

    /// Sees to it that a row of a program's draft has the inbox's address, and returns the row's key: the row that has it
    /// already, or a new one with everything the program has.
    pub async fn add_inbox_webhook(&self, program: &ProgramId) -> Result<String, EngineError> {
        let url = self.inbox(program).await?.url;
        let panel = self.panel(program).await?;
        let mut rows: Vec<DraftRow> = panel.rows.into_iter().map(|row| row.row).collect();
        if let Some(row) = rows.iter().find(|row| row.url.trim() == url) {
            return Ok(row.key.clone());
        }
        if rows.len() >= MAX_WEBHOOKS {
            return Err(EngineError::WebhookLimit);
        }
        let key = format!("new-inbox-{}", self.clock.now_ms());
        rows.push(DraftRow {
            key: key.clone(),
            url,
            is_enabled: true,
            events: EventKind::fitting(panel.program.kind).collect(),
            secret: SecretDraft::None,
            secret_overlap: None,
            name: None,
            timeout: String::new(),
            headers: None,
        });
        self.save_draft(program, panel.draft_version, rows).await?;
        Ok(key)
    }

    /// Whether the inbox whose address ends in `token` takes a request now; asked before its body is read. Answers the
    /// program whose inbox it is.
    pub fn admit_to_inbox(&self, token: &str) -> Result<ProgramId, NotTaken> {
        self.inboxes.admit(token)
    }

    /// Whether there is an inbox whose address ends in `token`.
    pub fn has_inbox(&self, token: &str) -> bool {
        self.inboxes.addresses.program_with(token).is_some()
    }

    /// Keeps a request that came to a program's inbox and was admitted.
    pub async fn receive_in_inbox(&self, program: &ProgramId, arrived: Arrived) -> Result<(), NotTaken> {
        self.inboxes.receive(program, arrived).await
    }

    async fn make_address(&self, program: &ProgramId, making: Making) -> Result<String, EngineError> {
        let addresses = &self.inboxes.addresses;
        if !addresses.are_there() {
            return Err(EngineError::Refused(NO_ADDRESS.to_owned()));
        }
        let _turn = self.inboxes.making.lock().await;
        if making == Making::Missing
            && let Some(url) = addresses.url(program)
        {
            return Ok(url);
        }
        let token = address::new_token();
        let record = InboxRecord {
            program_id: program.clone(),
            token: token.clone(),
            made_at_ms: self.clock.now_ms(),
        };
        self.store.save_inbox(&record).await?;
        addresses.put(program.clone(), token);
        self.inboxes.tell(program);
        addresses.url(program).ok_or(EngineError::NotFound("inbox"))
    }
}

/// When an address is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Making {
    /// When there is none yet.
    Missing,
    /// In any case.
    Anew,
}
