//! The source tree as text, and how much of Rust the rules need to know.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rules::Rule;

/// Directories that hold no sources of ours.
const SKIPPED: [&str; 8] = [
    ".git",
    ".groundswell",
    "__pycache__",
    "node_modules",
    "playwright-report",
    "snapshots",
    "target",
    "test-results",
];
const EXTENSIONS: [&str; 8] = ["css", "js", "mjs", "py", "rs", "sql", "toml", "ts"];

/// All sources of the repository.
pub struct Tree {
    pub root: PathBuf,
    pub sources: Vec<Source>,
}

/// One file.
pub struct Source {
    /// Relative to the root, with `/`.
    pub name: String,
    pub lines: Vec<String>,
}

/// Where a function stands; lines count from 0.
pub struct Function {
    pub first: usize,
    pub lines: usize,
}

impl Tree {
    /// Reads the repository that this test belongs to.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/xtask has a root");
        let mut tree = Self { root: root.to_path_buf(), sources: Vec::new() };
        tree.read_directory(root);
        assert!(
            tree.sources.iter().any(|source| source.name == "crates/xtask/src/main.rs"),
            "nothing was read"
        );
        tree
    }

    fn read_directory(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).expect("the repository is readable") {
            let path = entry.expect("the repository is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.read_directory(&path);
                }
                continue;
            }
            let known =
                path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
            // An editor's temporary file may have gone meanwhile.
            if let Some(text) = known.then(|| fs::read_to_string(&path).ok()).flatten() {
                let lines = text.lines().map(str::to_owned).collect();
                self.sources.push(Source { name: self.name(&path), lines });
            }
        }
    }

    /// The names of all Rust functions.
    pub fn functions(&self) -> std::collections::BTreeSet<String> {
        let sources = self.sources.iter().filter(|source| source.is_rust());
        let name = |line: &String| {
            let rest = line.split_once("fn ")?.1;
            Some(rest.split(['(', '<']).next()?.to_owned())
        };
        // The conformance suite names its cases in a macro and defines them as functions, so they are found as well.
        sources.flat_map(|source| source.lines.iter().filter_map(name)).collect()
    }

    /// The path as the rules write it.
    pub fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }

    /// A `Cargo.toml`.
    pub fn manifest(&self, name: &str) -> toml::Table {
        let text = fs::read_to_string(self.root.join(name)).expect("the manifest is readable");
        text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every line that breaks `rule`, as `file:line: text`.
    pub fn offences(&self, rule: &Rule) -> Vec<String> {
        let mut offences = Vec::new();
        let concerned = |source: &&Source| source.is_rust() || source.name.ends_with("Cargo.toml");
        for source in self.sources.iter().filter(concerned).filter(|source| !rule.exempts(source)) {
            let end = if rule.tests_may { source.first_test_line() } else { source.lines.len() };
            for (number, line) in source.lines[..end].iter().enumerate() {
                let code = source.code(line);
                if rule.words.iter().any(|word| code.contains(word)) {
                    offences.push(format!("{}:{}: {}", source.name, number + 1, line.trim()));
                }
            }
        }
        offences
    }
}

/// Adds the files of that name below `directory`.
pub fn find(directory: &Path, name: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the repository is readable") {
        let path = entry.expect("the repository is readable").path();
        let is_one_of =
            |names: &[&str]| path.file_name().is_some_and(|own| names.iter().any(|name| own == *name));
        if path.is_dir() {
            if !is_one_of(&SKIPPED) {
                find(&path, name, found);
            }
        } else if is_one_of(&[name]) {
            found.push(path);
        }
    }
}

impl Source {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.name).extension().is_some_and(|found| found == extension)
    }

    /// Whether it is only compiled for tests, going by the directory or the name of a module of tests.
    pub fn is_test(&self) -> bool {
        self.name.contains("/tests/")
            || self.name.ends_with("/tests.rs")
            || self.name.ends_with("/testing.rs")
    }

    /// Unit tests stand at the end of a file, so everything from here on is one.
    pub fn first_test_line(&self) -> usize {
        let is_start = |line: &String| line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        let start = self.lines.windows(2).position(|pair| is_start(&pair[0]) && pair[1].starts_with("mod "));
        start.unwrap_or(self.lines.len())
    }

    /// The line without its comment. A `//` within a string is taken for one, but not that of a URL.
    fn code<'a>(&self, line: &'a str) -> &'a str {
        let mark = if self.is_rust() { "//" } else { "#" };
        let starts = line.match_indices(mark).map(|(at, _)| at);
        let start = starts.into_iter().find(|at| !line[..*at].ends_with(':'));
        &line[..start.unwrap_or(line.len())]
    }

    /// Whether it says why it is long.
    pub fn excuses_its_length(&self) -> bool {
        self.lines.iter().take(40).any(|line| line.contains("Long because: "))
    }

    /// Whether the function says why it is long, just above or in its first lines.
    pub fn excuses_function(&self, function: &Function) -> bool {
        let from = function.first.saturating_sub(8);
        self.lines[from..=function.first + 3].iter().any(|line| line.contains("Long because: "))
    }

    /// Every function: rustfmt puts its closing brace at the indentation of its first line.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (first, line) in self.lines.iter().enumerate() {
            let text = line.trim_start();
            if !is_function(text) || text.ends_with(';') || text.ends_with('}') {
                continue;
            }
            let indentation = &line[..line.len() - text.len()];
            let ends = |line: &&String| {
                line.strip_prefix(indentation)
                    .is_some_and(|rest| rest == "}" || (rest.starts_with(')') && rest.ends_with(';')))
            };
            let lines = self.lines[first..].iter().position(|line| ends(&line)).map_or(1, |last| last + 1);
            found.push(Function { first, lines });
        }
        found
    }
}

fn is_function(text: &str) -> bool {
    let words = text.split(' ').take_while(|word| {
        matches!(
            *word,
            "pub" | "pub(crate)" | "pub(super)" | "const" | "async" | "unsafe" | "extern" | "\"C\"" | "fn"
        )
    });
    words.last() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn source(text: &str) -> Source {
        Source { name: "a.rs".to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let text = "impl A {\n    pub async fn a(\n        b: B,\n    ) -> C {\n        {\n        }\n    }\n\n    fn d();\n}\nfn e() {\n}\n";
        let lines: Vec<_> =
            source(text).functions().iter().map(|function| (function.first, function.lines)).collect();
        assert_eq!(lines, [(1, 6), (10, 2)]);
    }

    #[test]
    fn comments_are_no_code() {
        let source = source("");
        assert_eq!(source.code("let a = 1; // sqlx"), "let a = 1; ");
        assert_eq!(source.code("\"http://a\"; b // c"), "\"http://a\"; b ");
    }
}
