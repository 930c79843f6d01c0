//! The checklist of a program's first steps: told from what there is, not from what was pressed, and gone for good once
//! all of it is done or somebody has sent it away.

use groundswell_types::editor::{FirstStep, FirstSteps};
use groundswell_types::{ProgramId, TestView};

use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::EndpointId;

/// Of a program's tests the newest so many are looked at for one that succeeded.
const TESTS: usize = 20;

impl Engine {
    /// How far a program is; none once its checklist has ended.
    pub async fn first_steps(&self, program: &ProgramId) -> Result<Option<FirstSteps>, EngineError> {
        let entry = self.program_entry(program)?;
        if self.store.has_ended_first_steps(program).await? {
            return Ok(None);
        }
        let rows = self.panel(program).await?.rows;
        let has_url = |row: &&groundswell_types::editor::PanelRow| {
            !row.row.url.trim().is_empty() && row.problems.iter().all(|problem| problem.pointer != "/url")
        };
        let has_delivered = self.has_delivered(&entry).await?;
        let is_done = async |step| {
            Ok::<bool, EngineError>(match step {
                FirstStep::AddUrl => rows.iter().any(|row| has_url(&row)),
                FirstStep::ChooseEvents => rows.iter().filter(has_url).any(|row| !row.row.events.is_empty()),
                FirstStep::Test => has_delivered || self.has_tested(program).await?,
                FirstStep::Publish => !entry.endpoints.is_empty(),
                FirstStep::Verify => has_delivered || self.has_verified(program).await?,
            })
        };
        let mut done = Vec::new();
        for step in FirstStep::ALL {
            if is_done(step).await? {
                done.push(step);
            }
        }
        if done.len() == FirstStep::ALL.len() {
            self.end_first_steps(program).await?;
            return Ok(None);
        }
        Ok(Some(FirstSteps { done }))
    }

    /// Sends a program's checklist away.
    pub async fn end_first_steps(&self, program: &ProgramId) -> Result<(), EngineError> {
        self.program_entry(program)?;
        Ok(self.store.end_first_steps(program, self.clock.now_ms()).await?)
    }

    /// Where another node delivers, what is known here may be of before its first success.
    async fn has_delivered(&self, entry: &ProgramEntry) -> Result<bool, EngineError> {
        let ids: Vec<EndpointId> = entry.endpoints.iter().map(|endpoint| endpoint.record.id).collect();
        if ids.iter().any(|id| self.directory.health(*id).last_success_at_ms.is_some()) {
            return Ok(true);
        }
        let Some(cluster) = self.store.cluster() else { return Ok(false) };
        let health = cluster.health_of(&ids).await?;
        Ok(health.iter().any(|(_, health)| health.last_success_at_ms.is_some()))
    }

    async fn has_tested(&self, program: &ProgramId) -> Result<bool, EngineError> {
        let tests = self.store.tests(program, TESTS).await?;
        let succeeded = |json: &str| serde_json::from_str::<TestView>(json).is_ok_and(|test| test.success);
        Ok(tests.iter().any(|test| succeeded(&test.view_json)))
    }

    async fn has_verified(&self, program: &ProgramId) -> Result<bool, EngineError> {
        let since_ms = self.clock.now_ms().saturating_sub(crate::inbox::KEPT_MS);
        let requests = self.store.inbox_requests(program, since_ms).await?;
        Ok(requests.iter().any(|request| request.signature.is_verified()))
    }
}
