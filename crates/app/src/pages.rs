//! The pages, a module each.

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
