//! What the backend in memory keeps.

use super::*;

/// What the backend answers with, for tests to prepare and to look at.
#[derive(Default)]
pub struct State {
    pub viewer: Option<Viewer>,
    /// What every call that reads or changes anything fails with.
    pub failure: Option<Failure>,
    pub programs: Vec<ProgramSummary>,
    pub api_keys: Vec<ApiKey>,
    pub audit: Vec<AuditEntry>,
    pub erasures: Vec<Erasure>,
    pub account: Option<Account>,
    pub sessions: Vec<SessionView>,
    /// Whether sign-in links are sent by e-mail.
    pub sends_links: bool,
    pub live: Vec<PanelRow>,
    pub draft: Option<Panel>,
    /// Newest first.
    pub deliveries: Vec<DeliveryDetail>,
    /// What has been asked for of what stands beside a list.
    pub asked: Vec<&'static str>,
    /// Whether a page ends because the search takes too long.
    pub searched_until: Option<i64>,
    pub jobs: Vec<ResendJob>,
    pub tests: Vec<TestView>,
    /// The secrets that were set, by row, and the values of headers, by their key.
    pub secrets: Vec<(String, String)>,
    /// Newest first.
    pub inbox: Vec<InboxRequestDetail>,
    /// How often the inbox's address was replaced.
    pub addresses: usize,
    /// How far the program is; none once that has ended.
    pub first_steps: Option<FirstSteps>,
    pub conflicts: Vec<Conflict>,
    pub history: Vec<HistoryVersion>,
    /// What was made the draft again.
    pub restored: Vec<(i64, i64)>,
    /// Whose was taken.
    pub resolved: Vec<Side>,
    pub team: team::People,
    /// Newest first.
    pub incidents: Vec<groundswell_types::Incident>,
    pub letters: telling::Letters,
    pub(super) versions: i64,
}

impl State {
    pub(super) fn program(&self, id: &ProgramId) -> Result<&ProgramSummary, Failure> {
        self.programs.iter().find(|summary| summary.program.id == *id).ok_or(Failure::NotFound)
    }

    pub(super) fn inbox_url(&self) -> String {
        format!("https://groundswell.example/inbox/0123456789abcdefghjkmnpqrstvwxy{}", self.addresses)
    }
}
