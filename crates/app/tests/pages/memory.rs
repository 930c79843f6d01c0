//! A backend that keeps everything in memory and sends nothing: what the pages need, and no more.

use std::sync::Mutex;

use async_trait::async_trait;
use groundswell_app::backend::Backend;
use groundswell_app::backend::account::{Account, Asks};
use groundswell_app::failure::Failure;
use groundswell_app::{Language, Viewer};
use groundswell_types::editor::{
    Conflict, DeliveryPage, DeliveryQuery, DraftRow, DraftSaved, FirstSteps, History, HistoryVersion,
    LiveStatus, Panel, PanelRow, ProgramSummary, SecretChange, SecretDraft, SecretEdit, Seen, Side,
};
use groundswell_types::{
    ApiKey, AuditEntry, CreatedApiKey, DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, Erasure,
    EventKind, Inbox, InboxRequestDetail, InboxRequestId, MAX_WEBHOOKS, NewApiKey, Problem, ProgramId,
    ProgramType, ResendJob, ResendJobId, ResendSelection, ResendState, SessionView, TestId, TestView,
};

pub use account::PASSWORD;
pub use sample::*;

mod account;
mod audit;
mod drafts;
mod incidents;
mod resends;
mod sample;
mod state;
mod status;
mod team;
pub mod telling;

use resends::has_ended;
pub use state::State;

/// See the module.
#[derive(Default)]
pub struct Memory {
    pub state: Mutex<State>,
}

impl Memory {
    /// Somebody is signed in, and there is nothing.
    pub fn empty() -> Self {
        Self { state: Mutex::new(State { viewer: Some(team::owner()), ..State::default() }) }
    }

    /// A program with two live webhooks, one of them failing, and deliveries in every state.
    pub fn full() -> Self {
        let memory = Self::empty();
        {
            let mut state = memory.state.lock().expect("not poisoned");
            state.programs = vec![
                summary("p1", "Bring a friend", ProgramType::Referral),
                summary("p2", "Partners", ProgramType::Affiliate),
            ];
            state.programs[0].webhooks = 2;
            state.programs[0].needing_attention = 1;
            state.live = vec![live_row("primary", "https://example.com/webhooks"), failing_row()];
            state.account = Some(Account {
                name: "Ada".to_owned(),
                email: Some("ada@example.com".to_owned()),
                whose: None,
                has_password: true,
                asks: Asks::PresentPassword,
                has_provider: false,
            });
            state.sessions = vec![session("ses_1", true), session("ses_2", false)];
            state.inbox = inbox();
            state.deliveries =
                DeliveryState::ALL.into_iter().enumerate().map(|(i, s)| delivery(i, s)).rev().collect();
        }
        memory
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = self.state.lock().expect("not poisoned");
        if state.viewer.is_none() {
            return Err(Failure::SignedOut);
        }
        match state.failure.clone() {
            Some(failure) => Err(failure),
            None => act(&mut state),
        }
    }
}

#[async_trait]
impl Backend for Memory {
    async fn viewer(&self) -> Result<Option<Viewer>, Failure> {
        Ok(self.state.lock().expect("not poisoned").viewer.clone())
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>, Failure> {
        self.with(|state| Ok(state.api_keys.clone()))
    }

    async fn create_api_key(&self, new: NewApiKey) -> Result<CreatedApiKey, Failure> {
        self.with(|state| {
            let NewApiKey { name, scopes, campaign_id, rate_limit } = new;
            let number = state.api_keys.len() + 1;
            let view = ApiKey {
                id: format!("key_{number}"),
                name,
                scopes,
                campaign_id,
                rate_limit,
                ends_with: Some(format!("00{number:02}")),
                created_at: NOW,
                last_used_at: None,
            };
            state.api_keys.push(view.clone());
            Ok(CreatedApiKey { view, key: format!("gsk_secret00{number:02}") })
        })
    }

    async fn delete_api_key(&self, id: &str) -> Result<(), Failure> {
        self.with(|state| {
            let before = state.api_keys.len();
            state.api_keys.retain(|key| key.id != id);
            if state.api_keys.len() == before { Err(Failure::NotFound) } else { Ok(()) }
        })
    }

    async fn sign_out(&self) -> Result<String, Failure> {
        self.with(|state| {
            state.viewer = None;
            Ok("session=; Max-Age=0".to_owned())
        })
    }

    async fn programs(&self) -> Result<Vec<ProgramSummary>, Failure> {
        self.with(|state| Ok(state.programs.clone()))
    }

    async fn create_program(&self, name: &str, kind: ProgramType) -> Result<ProgramId, Failure> {
        self.with(|state| {
            if name.is_empty() {
                return Err(Failure::Invalid(vec![Problem::new("/name", "enter a name")]));
            }
            let id = format!("p{}", state.programs.len() + 1);
            state.programs.insert(0, summary(&id, name, kind));
            ProgramId::parse(&id).map_err(|_| Failure::NotFound)
        })
    }

    async fn program(&self, id: &ProgramId) -> Result<ProgramSummary, Failure> {
        self.with(|state| state.program(id).cloned())
    }

    async fn panel(&self, id: &ProgramId) -> Result<Panel, Failure> {
        self.with(|state| state.panel(id))
    }

    async fn save_draft(
        &self,
        id: &ProgramId,
        seen: Seen,
        rows: Vec<DraftRow>,
    ) -> Result<DraftSaved, Failure> {
        self.with(|state| {
            if state.panel(id)?.draft_version != seen.draft_version {
                return Err(Failure::Conflict("The draft was changed meanwhile.".to_owned()));
            }
            if rows.len() > MAX_WEBHOOKS {
                return Err(Failure::Refused("A program has at most 5 webhooks.".to_owned()));
            }
            state.save(id, rows)
        })
    }

    async fn change_secret(&self, id: &ProgramId, edit: SecretEdit) -> Result<DraftSaved, Failure> {
        let SecretEdit { row_key, change, draft_version } = edit;
        self.with(|state| {
            let before = state.panel(id)?;
            if before.draft_version != draft_version {
                return Err(Failure::Conflict("The draft was changed meanwhile.".to_owned()));
            }
            let mut rows = before.rows.clone();
            let row = rows.iter_mut().find(|row| row.row.key == row_key).ok_or(Failure::NotFound)?;
            row.row.secret = match change {
                SecretChange::Set(secret) if secret.starts_with("whsec_") && secret.len() < 20 => {
                    let problem = "starts with whsec_, so the rest must be base64 of 24 to 64 bytes";
                    return Err(Failure::Invalid(vec![Problem::new("/secret", problem)]));
                }
                SecretChange::Set(secret) => {
                    state.secrets.push((row_key, secret));
                    SecretDraft::New
                }
                SecretChange::Remove => SecretDraft::Removed,
                SecretChange::Keep => SecretDraft::Kept,
            };
            Ok(state.keep(before, rows))
        })
    }

    async fn generate_secret(&self) -> Result<String, Failure> {
        self.with(|_| Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()))
    }

    async fn discard_draft(&self, id: &ProgramId) -> Result<(), Failure> {
        self.with(|state| {
            state.program(id)?;
            state.draft = None;
            Ok(())
        })
    }

    async fn resolve_conflicts(&self, _: &ProgramId, _: Seen, side: Side) -> Result<(), Failure> {
        self.with(|state| {
            state.resolved.push(side);
            state.conflicts.clear();
            Ok(())
        })
    }

    async fn history(&self, id: &ProgramId, before: Option<i64>) -> Result<History, Failure> {
        self.with(|state| {
            let ProgramSummary { program, may_edit, .. } = state.program(id)?.clone();
            let is_before = |version: &&HistoryVersion| before.is_none_or(|before| version.version < before);
            let mut versions: Vec<_> = state.history.iter().filter(is_before).cloned().collect();
            let next_before = versions.get(20).map(|_| versions[19].version);
            versions.truncate(20);
            let draft_version = state.draft.as_ref().map_or(0, |draft| draft.draft_version);
            Ok(History { program, versions, next_before, draft_version, may_edit })
        })
    }

    async fn restore(&self, id: &ProgramId, version: i64, draft_version: i64) -> Result<(), Failure> {
        self.with(|state| {
            if state.panel(id)?.draft_version != draft_version {
                return Err(Failure::Conflict("The draft was changed meanwhile.".to_owned()));
            }
            state.restored.push((version, draft_version));
            Ok(())
        })
    }

    async fn enable_webhook(&self, _: &ProgramId, row_key: &str) -> Result<(), Failure> {
        self.with(|state| {
            let row = state.live.iter_mut().find(|row| row.row.key == row_key).ok_or(Failure::NotFound)?;
            row.row.is_enabled = true;
            if let Some(live) = &mut row.live {
                *live =
                    LiveStatus { is_enabled: true, is_auto_disabled: false, disabled: None, ..live.clone() };
            }
            Ok(())
        })
    }

    async fn publish(&self, id: &ProgramId, version: i64) -> Result<(), Failure> {
        self.with(|state| {
            let panel = state.panel(id)?;
            if panel.draft_version != version || !state.conflicts.is_empty() {
                return Err(Failure::Conflict("Something else was published meanwhile.".to_owned()));
            }
            let at = |(index, row): (usize, &PanelRow)| {
                row.problems
                    .iter()
                    .map(move |problem| {
                        Problem::new(format!("/rows/{index}{}", problem.pointer), &*problem.message)
                    })
                    .collect::<Vec<_>>()
            };
            let problems: Vec<Problem> = panel.rows.iter().enumerate().flat_map(at).collect();
            if !problems.is_empty() {
                return Err(Failure::Invalid(problems));
            }
            let publish = |row: PanelRow| {
                let live = row.live.or_else(|| Some(status(&row.row.key)));
                let live = live.map(|live| LiveStatus { is_enabled: row.row.is_enabled, ..live });
                PanelRow { live, ..row }
            };
            state.live = panel.rows.into_iter().map(publish).collect();
            state.draft = None;
            Ok(())
        })
    }

    async fn test_webhook(
        &self,
        id: &ProgramId,
        row_key: &str,
        event: Option<EventKind>,
    ) -> Result<TestView, Failure> {
        self.with(|state| {
            let row = state.panel(id)?.rows.into_iter().find(|row| row.row.key == row_key);
            let row = row.ok_or(Failure::NotFound)?;
            if !row.problems.is_empty() {
                return Err(Failure::Invalid(row.problems));
            }
            let event = event.or(row.row.events.first().copied()).ok_or_else(|| {
                Failure::Refused("Choose an event to test with: this webhook gets none.".to_owned())
            })?;
            let number = i64::try_from(state.tests.len()).unwrap_or_default();
            let test = test(number, event, &row.row.url);
            state.tests.push(test.clone());
            Ok(test)
        })
    }

    async fn test_result(&self, _: &ProgramId, test: TestId) -> Result<TestView, Failure> {
        self.with(|state| state.tests.iter().find(|known| known.id == test).cloned().ok_or(Failure::NotFound))
    }

    async fn release_parked(&self, id: &ProgramId, row_key: &str) -> Result<i64, Failure> {
        self.discard_parked(id, row_key).await
    }

    async fn discard_parked(&self, _: &ProgramId, row_key: &str) -> Result<i64, Failure> {
        self.with(|state| {
            let row = state.live.iter_mut().find(|row| row.row.key == row_key).ok_or(Failure::NotFound)?;
            Ok(row.live.as_mut().map_or(0, |live| std::mem::take(&mut live.parked)))
        })
    }

    async fn end_old_secret(&self, _: &ProgramId, row_key: &str) -> Result<(), Failure> {
        self.with(|state| {
            let row = state.live.iter_mut().find(|row| row.row.key == row_key).ok_or(Failure::NotFound)?;
            if let Some(live) = &mut row.live {
                live.old_secret = None;
            }
            Ok(())
        })
    }

    async fn deliveries(&self, id: &ProgramId, query: DeliveryQuery) -> Result<DeliveryPage, Failure> {
        self.with(|state| {
            state.program(id)?;
            let mut deliveries = state.matching(&query.filter)?;
            deliveries.retain(|delivery| {
                query.next_id.is_none_or(|next| delivery.id <= next)
                    && query.newer_than.is_none_or(|newest| delivery.id > newest)
            });
            let limit = query.limit.unwrap_or(50);
            let next_id = deliveries.get(limit).map(|delivery| delivery.id);
            deliveries.truncate(limit);
            let searched_until = state.searched_until;
            let next_id = next_id.or(searched_until.map(|_| DeliveryId::from_number(8)));
            Ok(DeliveryPage { deliveries, next_id, searched_until })
        })
    }

    async fn delivery(&self, _: &ProgramId, delivery: DeliveryId) -> Result<DeliveryDetail, Failure> {
        self.with(|state| {
            state.asked.push("delivery");
            let found = state.deliveries.iter().find(|detail| detail.delivery.id == delivery);
            found.cloned().ok_or(Failure::NotFound)
        })
    }

    async fn inbox(&self, id: &ProgramId) -> Result<Inbox, Failure> {
        self.with(|state| {
            state.program(id)?;
            let requests = state.inbox.iter().map(|detail| detail.request.clone()).collect();
            Ok(Inbox { url: state.inbox_url(), requests })
        })
    }

    async fn inbox_request(
        &self,
        _: &ProgramId,
        request: InboxRequestId,
    ) -> Result<InboxRequestDetail, Failure> {
        self.with(|state| {
            state.asked.push("request");
            let found = state.inbox.iter().find(|detail| detail.request.id == request);
            found.cloned().ok_or(Failure::NotFound)
        })
    }

    async fn replace_inbox_address(&self, _: &ProgramId) -> Result<(), Failure> {
        self.with(|state| {
            state.addresses += 1;
            Ok(())
        })
    }

    async fn clear_inbox(&self, _: &ProgramId) -> Result<(), Failure> {
        self.with(|state| {
            state.inbox.clear();
            Ok(())
        })
    }

    async fn add_inbox_webhook(&self, id: &ProgramId) -> Result<String, Failure> {
        self.with(|state| {
            let mut rows: Vec<DraftRow> = state.panel(id)?.rows.into_iter().map(|row| row.row).collect();
            if rows.len() >= MAX_WEBHOOKS {
                return Err(Failure::Refused("A program can have 5 webhooks.".to_owned()));
            }
            let key = "new-inbox".to_owned();
            rows.push(DraftRow { key: key.clone(), ..live_row(&key, &state.inbox_url()).row });
            state.save(id, rows)?;
            Ok(key)
        })
    }

    async fn first_steps(&self, _: &ProgramId) -> Result<Option<FirstSteps>, Failure> {
        self.with(|state| Ok(state.first_steps.clone()))
    }

    async fn end_first_steps(&self, _: &ProgramId) -> Result<(), Failure> {
        self.with(|state| {
            state.first_steps = None;
            Ok(())
        })
    }

    async fn deliveries_by_id(
        &self,
        _: &ProgramId,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<DeliveryView>, Failure> {
        self.with(|state| {
            let all = state.deliveries.iter().map(|detail| detail.delivery.clone());
            Ok(all.filter(|delivery| deliveries.contains(&delivery.id)).collect())
        })
    }

    async fn resend(&self, id: &ProgramId, delivery: DeliveryId) -> Result<DeliveryView, Failure> {
        let original = self.delivery(id, delivery).await?;
        if !has_ended(&original.delivery) {
            let state = original.delivery.state.as_str();
            return Err(Failure::Refused(format!(
                "This delivery has not ended: it is {state}. Resend it once it has."
            )));
        }
        self.with(|state| Ok(state.resend(&original)))
    }

    async fn count_resends(&self, _: &ProgramId, selection: ResendSelection) -> Result<i64, Failure> {
        self.with(|state| {
            state.asked.push("count");
            Ok(i64::try_from(state.chosen(&selection)?.len()).unwrap_or_default())
        })
    }

    async fn begin_resends(&self, _: &ProgramId, selection: ResendSelection) -> Result<ResendJob, Failure> {
        self.with(|state| {
            let chosen = state.chosen(&selection)?.len();
            let id = ResendJobId::from_number(i64::try_from(state.jobs.len()).unwrap_or_default() + 1);
            state.jobs.insert(0, job(id, i64::try_from(chosen).unwrap_or_default()));
            Ok(state.jobs[0].clone())
        })
    }

    async fn resend_jobs(&self, _: &ProgramId) -> Result<Vec<ResendJob>, Failure> {
        self.with(|state| Ok(state.jobs.clone()))
    }

    async fn cancel_resends(&self, _: &ProgramId, job: ResendJobId) -> Result<ResendJob, Failure> {
        self.with(|state| {
            let job = state.jobs.iter_mut().find(|known| known.id == job).ok_or(Failure::NotFound)?;
            job.state = ResendState::Cancelled;
            Ok(job.clone())
        })
    }

    fn remember_language(&self, language: Language) -> String {
        format!("language={}", language.tag())
    }

    fn public_url(&self) -> String {
        "https://groundswell.example".to_owned()
    }
}
