//! Every setting there is, for people: in the documentation, and as an example of the TOML file. Made of what the settings
//! are read with, so nothing can be missing: flags, variables and meanings are clap's, keys are the file's own, defaults
//! those of a server that nobody told anything.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::{Arg, Command};
use groundswell_docs::Setting;
use serde_json::Value;

use super::{Config, File, ServeArgs, keys};

/// The settings of the command line's `serve`, in the order of its flags.
pub fn all(whole: &Command) -> anyhow::Result<Vec<Setting>> {
    let keys = keys::of::<File>();
    let defaults = Config::load(ServeArgs::default())?.shown();
    let mut whole = whole.clone();
    whole.build();
    let serve = whole.find_subcommand("serve").context("there is no command `serve`")?;
    let settings = serve.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_string_lossy().into_owned();
        let flag = format!("--{}", argument.get_long()?);
        let key = keys.iter().find(|key| is_of(argument, key)).cloned();
        let default = key.as_deref().and_then(|key| at(&defaults, key)).cloned();
        Some(Setting {
            flag,
            variable,
            key,
            default,
            value: value_name(argument),
            meaning: meaning(argument),
        })
    });
    Ok(settings.collect())
}

/// A flag has the name of its key, with or without the table it stands in.
fn is_of(argument: &Arg, key: &str) -> bool {
    let id = argument.get_id().as_str();
    let last = key.rsplit('.').next().unwrap_or_default();
    id == key.replace('.', "_") || id == last
}

/// What counts at a key when nobody says anything; nothing where there is none.
fn at<'a>(defaults: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(defaults, |table, name| table.get(name))
}

fn value_name(argument: &Arg) -> String {
    argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default()
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let text = help.map(ToString::to_string).unwrap_or_default().replace('\n', " ");
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// How broad the comments of the example are.
const COLUMNS: usize = 100;

/// A file with every key, each commented out at its default.
pub fn example(settings: &[Setting]) -> anyhow::Result<String> {
    let mut text = comment(
        "All settings that the file of `groundswell serve --config FILE` may have, each at its default, or with what kind of \
         value it takes where there is none. A flag counts before a variable, a variable before this file. Written by \
         `groundswell check-config --example`.",
    );
    // What stands behind the head of a table belongs to it.
    let keyed = || settings.iter().filter_map(|setting| Some((setting, setting.key.as_deref()?)));
    for (setting, key) in keyed().filter(|(_, key)| !key.contains('.')) {
        entry(&mut text, setting, key)?;
    }
    let mut tables: Vec<&str> = Vec::new();
    for (_, key) in keyed() {
        let table = key.split_once('.').map(|(table, _)| table);
        tables.extend(table.filter(|table| !tables.contains(table)));
    }
    for table in tables {
        let _ = write!(text, "\n[{table}]\n");
        for (setting, key) in keyed() {
            if let Some((_, name)) = key.split_once('.').filter(|(of, _)| *of == table) {
                entry(&mut text, setting, name)?;
            }
        }
    }
    Ok(text)
}

fn entry(text: &mut String, setting: &Setting, name: &str) -> anyhow::Result<()> {
    let Setting { variable, default, value, meaning, .. } = setting;
    let _ = write!(text, "\n{}", comment(&format!("{meaning} ({variable})")));
    let value = match default {
        Some(default) => toml::Value::try_from(default).context("a setting is not one of TOML")?,
        None => toml::Value::String(format!("<{value}>")),
    };
    let _ = writeln!(text, "#{name} = {value}");
    Ok(())
}

/// Lines of a comment, none too broad.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= COLUMNS {
            let _ = writeln!(lines, "{line}");
            line.truncate(1);
        }
        let _ = write!(line, " {word}");
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::CommandFactory as _;

    use super::*;

    fn settings() -> Vec<Setting> {
        all(&crate::Cli::command()).expect("every setting has a default or none")
    }

    #[test]
    fn every_setting_has_a_meaning_a_variable_and_one_flag_of_the_same_name() {
        let serve = crate::Cli::command();
        let serve = serve.find_subcommand("serve").expect("is there");
        let flags = serve.get_arguments().filter(|argument| argument.get_id() != "help").count();
        let settings = settings();
        assert_eq!(settings.len(), flags, "a flag of `serve` has no variable");
        for Setting { flag, variable, value, meaning, .. } in &settings {
            assert!(meaning.len() > 15 && meaning.ends_with('.'), "{flag} has no meaning: {meaning}");
            assert!(!value.is_empty(), "{flag} does not say what it takes");
            // OpenTelemetry's variables are standard, and longer than anybody wants to type.
            let named = ["GROUNDSWELL_", "OTEL_EXPORTER_", "OTEL_", ""].iter().any(|before| {
                let rest = variable.strip_prefix(before);
                rest.is_some_and(|rest| *flag == format!("--{}", rest.to_lowercase().replace('_', "-")))
            });
            assert!(named, "{flag} is not the name of {variable}");
        }
    }

    #[test]
    fn every_key_of_the_file_is_the_key_of_one_setting() {
        let settings = settings();
        let of_settings: Vec<&str> = settings.iter().filter_map(|setting| setting.key.as_deref()).collect();
        let unique: HashSet<&str> = of_settings.iter().copied().collect();
        assert_eq!(unique.len(), of_settings.len(), "{of_settings:?}");
        let keys = keys::of::<File>();
        let without: Vec<&String> = keys.iter().filter(|key| !unique.contains(key.as_str())).collect();
        assert!(without.is_empty(), "no flag has the name of {without:?}");
        let only_flags = settings.iter().filter(|setting| setting.key.is_none()).map(|it| it.flag.as_str());
        // What the file cannot say of itself, a key that is not to lie about in it, and what a collector's variables say.
        let expected = [
            "--config",
            "--secrets-key",
            "--otlp-traces-endpoint",
            "--otlp-protocol",
            "--otlp-traces-protocol",
            "--traces-exporter",
            "--otel-sdk-disabled",
        ];
        assert_eq!(only_flags.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_example_with_all_its_defaults_is_a_server_that_nobody_told_anything() {
        let settings = settings();
        let example = example(&settings).expect("can be written");
        let mut taken = 0;
        let lines = example.lines().map(|line| match line.strip_prefix('#') {
            // A key that has no default has the kind of its value in angle brackets.
            Some(entry) if !entry.starts_with(' ') && !entry.contains("\"<") => {
                taken += 1;
                entry
            }
            _ => line,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("groundswell.toml");
        std::fs::write(&path, text).expect("a new file");
        let args = ServeArgs { config: Some(path), ..ServeArgs::default() };
        let shown = |args| Config::load(args).expect("good settings").shown();
        assert_eq!(shown(args), shown(ServeArgs::default()));
        assert_eq!(taken, settings.iter().filter(|setting| setting.default.is_some()).count());
        let longest = example.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(COLUMNS), "{longest:?}");
    }
}
