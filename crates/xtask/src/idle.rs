//! Programs for which others do not have to wait: they get the processors while nobody else wants them.

use std::process::Command;

use crate::process;

/// What starts one, of util-linux and coreutils.
const TOOLS: [&str; 5] = ["setpriv", "setsid", "sh", "chrt", "nice"];

/// The kernel shares its time among sessions first and within each by priority, so a session of its own, of the lowest
/// priority, as well. Where sessions are not told apart there is no such file.
const SCRIPT: &str = "(echo 19 > /proc/self/autogroup) 2>/dev/null; exec chrt --idle 0 nice -n 19 \"$@\"";

/// Whether this machine has what it takes.
pub fn possible() -> bool {
    TOOLS.iter().all(|tool| process::find(tool).is_some())
}

/// The same command, started so. A terminal's Ctrl-C does not reach another session; it ends with the thread that starts
/// it.
pub fn on_idle_time(command: &Command) -> Command {
    let mut idle = Command::new("setpriv");
    idle.args(["--pdeathsig", "TERM", "setsid", "sh", "-c", SCRIPT, "sh"]);
    idle.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => idle.env(name, value),
            None => idle.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        idle.current_dir(directory);
    }
    idle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_on_idle_time_is_the_same_command() {
        let mut asks = Command::new("sh");
        asks.args(["-c", "chrt --pid $$; cat /proc/self/autogroup; echo $WORD; pwd"]);
        asks.env("WORD", "two words").current_dir("/");
        let said = process::capture(&mut on_idle_time(&asks)).unwrap();
        assert!(said.contains("SCHED_IDLE"), "{said}");
        assert!(said.contains("nice 19") || !said.contains("autogroup"), "{said}");
        assert!(said.ends_with("two words\n/"), "{said}");
    }
}
