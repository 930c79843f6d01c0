//! The pages, a module each.

use groundswell_types::ProgramId;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

mod deliveries;
mod inbox;
pub mod live;
mod not_found;
mod options;
mod programs;
mod webhooks;

pub use deliveries::DeliveriesPage;
pub use inbox::InboxPage;
pub use not_found::NotFoundPage;
pub use options::OptionsPage;
pub use programs::ProgramsPage;
pub use webhooks::{HistoryPage, WebhooksPage};

/// The program in the path; `None` when what stands there cannot be an id.
fn program_id() -> Memo<Option<ProgramId>> {
    let params = use_params_map();
    Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| ProgramId::parse(&id).ok())))
}
