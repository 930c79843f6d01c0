//! Every setting of the server, made from what it reads its settings with.

use std::fmt::Write as _;

use serde_json::Value;

use crate::markdown::cell;
use crate::page::{About, Group};
use crate::settings::Setting;

pub const ABOUT: About = About {
    name: "configuration",
    title: "Configuration",
    description: "Every setting of the server: its key in the TOML file, its flag, its environment variable and its default.",
    group: Group::Reference,
};

/// What stands where there is nothing.
const NONE: &str = "none";

/// The page's text.
pub fn text(settings: &[Setting]) -> String {
    let mut text = String::from(include_str!("../../text/configuration.md"));
    let top = "\n## The server {#server}\n\nAt the beginning of the file, before any table.\n";
    table(&mut text, top, settings.iter().filter(|setting| table_of(setting).is_none()));
    let mut tables: Vec<&str> = Vec::new();
    for name in settings.iter().filter_map(table_of) {
        if !tables.contains(&name) {
            tables.push(name);
        }
    }
    for name in tables {
        let head = format!("\n## `[{name}]` {{#{name}}}\n");
        table(&mut text, &head, settings.iter().filter(|setting| table_of(setting) == Some(name)));
    }
    text
}

/// The table of the file that a setting stands in.
fn table_of(setting: &Setting) -> Option<&str> {
    setting.key.as_deref()?.split_once('.').map(|(table, _)| table)
}

fn table<'a>(text: &mut String, head: &str, settings: impl Iterator<Item = &'a Setting>) {
    let _ = write!(text, "{head}\n| Setting | Default | Meaning |\n|---|---|---|\n");
    for Setting { flag, variable, key, default, value, meaning } in settings {
        let key = key.as_ref().map(|key| format!("`{key}` ")).unwrap_or_default();
        let default =
            default.as_ref().and_then(shown).map_or_else(|| NONE.to_owned(), |it| format!("`{it}`"));
        let names = format!("{key}`{flag} <{value}>` `{variable}`");
        let _ = writeln!(text, "| {names} | {} | {} |", cell(&default), cell(meaning));
    }
}

/// A value as somebody would write it in the environment.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) => Some(values.iter().filter_map(shown).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn setting(key: Option<&str>, default: Option<Value>) -> Setting {
        Setting {
            flag: "--a-b".to_owned(),
            variable: "GROUNDSWELL_A_B".to_owned(),
            key: key.map(str::to_owned),
            default,
            value: "MS".to_owned(),
            meaning: "A or b: a|b.".to_owned(),
        }
    }

    #[test]
    fn settings_stand_in_the_tables_of_the_file() {
        let text = text(&[
            setting(Some("retry.base_ms"), Some(json!(5000))),
            setting(Some("listen"), Some(json!("127.0.0.1:3000"))),
            setting(None, None),
            setting(Some("retry.list"), Some(json!([]))),
        ]);
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("GROUNDSWELL_A_B")).collect();
        assert_eq!(
            rows,
            [
                "| `listen` `--a-b <MS>` `GROUNDSWELL_A_B` | `127.0.0.1:3000` | A or b: a\\|b. |",
                "| `--a-b <MS>` `GROUNDSWELL_A_B` | none | A or b: a\\|b. |",
                "| `retry.base_ms` `--a-b <MS>` `GROUNDSWELL_A_B` | `5000` | A or b: a\\|b. |",
                "| `retry.list` `--a-b <MS>` `GROUNDSWELL_A_B` | none | A or b: a\\|b. |",
            ]
        );
        assert_eq!(text.matches("## `[retry]` {#retry}").count(), 1, "{text}");
    }
}
