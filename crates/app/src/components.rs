//! The parts pages are made of.

mod activity;
mod code;
mod failure;
mod first_steps;
mod icon;
mod language_switch;
mod loading;
mod menu;
mod program_head;
mod status;
mod time;

pub use activity::ActivityChart;
pub use code::{CodeBlock, CopyButton, HeaderList};
pub use failure::{FailureNotice, FailurePage, sentence};
pub use first_steps::{FirstStepsCount, FirstStepsList};
pub use icon::{Icon, Shape};
pub use language_switch::LanguageSwitch;
pub use loading::{Loading, SideLoading};
pub use menu::Menu;
pub use program_head::{ProgramHead, Step};
pub use status::Status;
pub use time::Time;
