//! The languages that receivers are written in and that this project is not: PHP, Ruby, Go, Java. What is there is used,
//! whoever installed it; else Debian's packages are.

use std::process::Stdio;

use anyhow::{Result, bail};

use super::{Outcome, packages};
use crate::process;
use crate::workspace::Workspace;

/// How to tell whether a language is there, and where Debian has it.
struct Language {
    name: &'static str,
    /// Succeeds if everything is there that the examples use.
    probe: &'static [&'static str],
    packages: &'static [&'static str],
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "PHP with PDO for SQLite",
        probe: &["php", "-r", "exit(extension_loaded('pdo_sqlite') ? 0 : 1);"],
        packages: &["php-cli", "php-sqlite3"],
    },
    Language {
        name: "Ruby with WEBrick",
        probe: &["ruby", "-r", "webrick", "-e", ""],
        packages: &["ruby", "ruby-webrick"],
    },
    Language { name: "Go", probe: &["go", "version"], packages: &["golang-go"] },
    // A runtime alone has `java`, but not the compiler that runs a source file.
    Language { name: "a JDK", probe: &["javac", "-version"], packages: &["default-jdk-headless"] },
];

/// Installs the languages that are missing.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let missing: Vec<_> = LANGUAGES.iter().filter(|language| !language.is_there()).collect();
    if missing.is_empty() {
        return Ok(Outcome::Skipped("PHP, Ruby, Go and Java are there".to_owned()));
    }
    let names = missing.iter().map(|language| language.name).collect::<Vec<_>>().join(", ");
    let packages: Vec<_> = missing.iter().flat_map(|language| language.packages).copied().collect();
    if !packages::can_install() {
        bail!("the examples need {names}: install it (Debian: apt-get install {})", packages.join(" "));
    }
    packages::install(workspace, &packages)?;
    for language in missing {
        if !language.is_there() {
            bail!("{} is installed, yet `{}` fails", language.packages.join(" "), language.probe.join(" "));
        }
    }
    Ok(Outcome::Done(format!("installed {names}")))
}

impl Language {
    fn is_there(&self) -> bool {
        let [program, arguments @ ..] = self.probe else { return false };
        let mut probe = process::command(program);
        probe.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    }
}
