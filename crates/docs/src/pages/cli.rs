//! The command line, made from the definition that the program itself parses its arguments with.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use crate::markdown::{cell, slug};
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "cli",
    title: "Command line",
    description: "The commands of the program groundswell, with their arguments, options and environment variables.",
    group: Group::Reference,
};

/// The page's text.
pub fn text(whole: &Command) -> String {
    let mut whole = whole.clone();
    whole.build();
    let mut text = String::from(include_str!("../../text/cli.md"));
    text.push_str("\n| Command | What it does |\n|---|---|\n");
    for command in shown(&whole) {
        let name = path_of(&whole, command);
        let _ = writeln!(text, "| [`{name}`](#{}) | {} |", slug(&name), cell(&about(command)));
    }
    let settings = Settings(shown(&whole).find(|command| command.get_name() == SERVER));
    for command in shown(&whole) {
        section(&mut text, &path_of(&whole, command), command, (&settings, 2));
    }
    text
}

/// The command that has all settings; some others take them as well.
const SERVER: &str = "serve";

/// What the server is started with, if the program has a server.
struct Settings<'a>(Option<&'a Command>);

impl Settings<'_> {
    /// Whether the argument of another command is one of these.
    fn have(&self, command: &Command, argument: &Arg) -> bool {
        let known = self.0.filter(|server| server.get_name() != command.get_name());
        known.is_some_and(|server| {
            server.get_arguments().any(|setting| {
                (setting.get_id(), setting.get_env()) == (argument.get_id(), argument.get_env())
            })
        })
    }
}

/// The commands a reader is to know of.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn path_of(parent: &Command, command: &Command) -> String {
    format!("{} {}", parent.get_name(), command.get_name())
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn section(text: &mut String, path: &str, command: &Command, (settings, level): (&Settings<'_>, usize)) {
    let long = command.get_long_about().map_or_else(|| sentence(&about(command)), ToString::to_string);
    let _ = write!(
        text,
        "\n{} {path} {{#{}}}\n\n{long}\n\n```text title=\"Usage\"\n{}\n```\n",
        "#".repeat(level),
        slug(path),
        usage(path, command)
    );
    let all = command.get_arguments().filter(|argument| is_shown(argument));
    let (known, own): (Vec<&Arg>, Vec<&Arg>) = all.partition(|argument| settings.have(command, argument));
    if !own.is_empty() {
        text.push_str("\n| Argument | Variable | Meaning |\n|---|---|---|\n");
    }
    for argument in own {
        let variable =
            argument.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let _ =
            writeln!(text, "| `{}` | {variable} | {} |", cell(&written(argument)), cell(&meaning(argument)));
    }
    if !known.is_empty() {
        text.push_str("\nIt takes the settings of [`groundswell serve`](#groundswell-serve) as well.\n");
    }
    for inner in shown(command) {
        section(text, &format!("{path} {}", inner.get_name()), inner, (settings, level + 1));
    }
}

/// With a full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn is_shown(argument: &Arg) -> bool {
    let explains = matches!(
        argument.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    !argument.is_hide_set() && !explains
}

/// How a command is written, in one line.
fn usage(path: &str, command: &Command) -> String {
    let mut line = path.to_owned();
    if shown(command).next().is_some() {
        line.push_str(" <COMMAND>");
    }
    if command.get_opts().any(is_shown)
        || command.get_arguments().any(|argument| is_flag(argument) && is_shown(argument))
    {
        line.push_str(" [OPTIONS]");
    }
    for argument in command.get_positionals().filter(|argument| is_shown(argument)) {
        let name = written(argument);
        let _ = if argument.is_required_set() {
            write!(line, " {name}")
        } else {
            write!(line, " [{}]", name.trim_matches(['<', '>']))
        };
    }
    line
}

fn is_flag(argument: &Arg) -> bool {
    !argument.is_positional() && !argument.get_action().takes_values()
}

/// How an argument is written.
fn written(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let mut names: Vec<String> = names.map(|name| format!("<{name}>")).collect();
    if names.is_empty() {
        names.push(format!("<{}>", argument.get_id().as_str().to_uppercase()));
    }
    let value = if argument.get_action().takes_values() { names.join(" ") } else { String::new() };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let option = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    [option, value].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What an argument means, and what it is without one.
fn meaning(argument: &Arg) -> String {
    let help =
        argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = sentence(&help);
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        let _ = write!(text, " One of {}.", values.join(", "));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        let _ = write!(text, " Without it: `{}`.", defaults.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let list =
            Command::new("list").about("Lists them.").arg(Arg::new("PROGRAM").required(true).help("Its id"));
        let serve = Command::new("serve").about("Serves.").arg(
            Arg::new("listen")
                .long("listen")
                .short('l')
                .value_name("ADDRESS")
                .default_value("::1")
                .help("Where a|b"),
        );
        Command::new("groundswell")
            .subcommand(serve.clone())
            .subcommand(serve.name("migrate"))
            .subcommand(Command::new("deliveries").about("Deliveries.").subcommand(list))
            .subcommand(Command::new("secret-door").hide(true))
    }

    #[test]
    fn every_command_has_a_section_with_its_options() {
        let text = text(&program());
        assert!(text.contains("| [`groundswell serve`](#groundswell-serve) | Serves. |"), "{text}");
        assert!(text.contains("## groundswell serve {#groundswell-serve}\n\nServes.\n"), "{text}");
        assert!(text.contains("\ngroundswell serve [OPTIONS]\n"), "{text}");
        assert!(text.contains("| `-l, --listen <ADDRESS>` |  | Where a\\|b. Without it: `::1`. |"), "{text}");
        assert_eq!(text.matches("--listen").count(), 1, "{text}");
        assert!(
            text.contains(
                "[OPTIONS]\n```\n\nIt takes the settings of [`groundswell serve`](#groundswell-serve)"
            ),
            "{text}"
        );
        assert!(text.contains("### groundswell deliveries list {#groundswell-deliveries-list}"), "{text}");
        assert!(text.contains("\ngroundswell deliveries list <PROGRAM>\n"), "{text}");
        assert!(!text.contains("secret-door") && !text.contains("--help"), "{text}");
    }
}
