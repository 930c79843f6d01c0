//! Variables that are there and say nothing. Compose and systemd give what nobody has set in that way, so one counts as not set.

use clap::Command;
use clap::builder::Resettable;

/// The command line as it reads the environment, with all that is empty left out. A flag may be empty all the same: it was
/// written.
#[expect(
    clippy::disallowed_methods,
    reason = "clap does not say which of the variables that it has read are empty"
)]
pub fn without_empty(command: Command) -> Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty)
}
