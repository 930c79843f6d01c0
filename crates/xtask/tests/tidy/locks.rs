//! Whatever is fetched is named by version and hash, in a lock file beside what asks for it, and set-up goes by those alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::assert_none;
use crate::source::{Tree, find};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Is copied out of here, and gets a copy of our lock file.
const COPIED: &str = "crates/types/tests/consumer/Cargo.toml";

/// Which lock file has what an example or a test asks PyPI for.
const PYTHON: [(&str, &str); 3] = [
    ("deploy/", "deploy/tests/requirements.lock"),
    ("end2end/", "end2end/python/requirements.lock"),
    ("examples/", "examples/tests/requirements.lock"),
];

fn text(tree: &Tree, name: &str) -> String {
    fs::read_to_string(tree.root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// PyPI takes `a_b`, `A.b` and `a-b` for one.
fn python_name(line: &str) -> String {
    let name = line.split(['=', '<', '>', '!', '~', '[', ';', ' ']).next().unwrap_or_default();
    name.to_lowercase().replace(['_', '.'], "-")
}

fn is_requirement(line: &&str) -> bool {
    !line.is_empty() && !line.starts_with(['#', ' '])
}

#[test]
fn every_crate_comes_from_crates_io_with_a_hash() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    let workspaces = tree.files("Cargo.toml").filter(|name| tree.manifest(name).contains_key("workspace"));
    for manifest in workspaces.filter(|name| name != COPIED) {
        let lock = manifest.replace("Cargo.toml", "Cargo.lock");
        if !tree.root.join(&lock).exists() {
            offences.push(format!("{lock} is missing"));
            continue;
        }
        let packages = tree.manifest(&lock);
        for package in packages["package"].as_array().expect("it lists packages") {
            // One of the workspace has no source.
            let source = package.get("source").and_then(toml::Value::as_str);
            if source.is_some_and(|source| source != CRATES_IO || package.get("checksum").is_none()) {
                offences.push(format!("{lock}: {}", package["name"]));
            }
        }
    }
    assert_none("take these from crates.io, and commit the lock file:", &offences);
}

#[test]
fn every_npm_package_is_locked_by_hash_and_runs_nothing_when_it_is_installed() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    for manifest in tree.files("package.json") {
        let lock = manifest.replace("package.json", "package-lock.json");
        let Ok(text) = fs::read_to_string(tree.root.join(&lock)) else {
            offences.push(format!("{lock} is missing"));
            continue;
        };
        let lock_file: Value = serde_json::from_str(&text).expect("a lock file is JSON");
        for (name, package) in lock_file["packages"].as_object().expect("it lists packages") {
            let is_own = name.is_empty();
            if !is_own && (package["integrity"].is_null() || package["hasInstallScript"] == true) {
                offences.push(format!("{lock}: {name}"));
            }
        }
    }
    assert_none("a hash and no install script, or another package:", &offences);
}

#[test]
fn every_python_package_is_locked_by_hash() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    let mut asked = 0;
    for (directory, lock) in PYTHON {
        let text_of_lock = text(&tree, lock);
        let mut locked = BTreeSet::new();
        let mut lines = text_of_lock.lines().peekable();
        while let Some(line) = lines.next() {
            if is_requirement(&line) {
                locked.insert(python_name(line));
                if !lines.peek().is_some_and(|next| next.contains("--hash=sha256:")) {
                    offences.push(format!("{lock}: {line} has no hash"));
                }
            }
        }
        let names = ["requirements.txt", "requirements.in"].into_iter().flat_map(|name| tree.files(name));
        for file in names.filter(|name| name.starts_with(directory)) {
            for line in text(&tree, &file).lines().filter(is_requirement) {
                asked += 1;
                if !locked.contains(&python_name(line)) {
                    offences.push(format!("{file}: {line} is not in {lock}"));
                }
            }
        }
    }
    assert!(asked > 3, "nothing was read");
    assert_none("write the lock file anew, as it says at its head:", &offences);
}

#[test]
fn examples_in_other_languages_fetch_nothing() {
    let tree = Tree::read();
    let unlocked = ["pom.xml", "build.gradle", "composer.json"].into_iter().flat_map(|name| tree.files(name));
    let mut offences: Vec<String> = unlocked.collect();
    offences.extend(tree.files("go.mod").filter(|name| {
        let has_sums = tree.root.join(name.replace("go.mod", "go.sum")).exists();
        text(&tree, name).contains("require") && !has_sums
    }));
    assert_none("these need a lock file, and a rule here that checks it:", &offences);
}

#[test]
fn set_up_goes_by_the_lock_files() {
    let tree = Tree::read();
    let alias = text(&tree, ".cargo/config.toml");
    assert!(alias.contains(r#"xtask = "run --locked "#), "`cargo xtask` would change Cargo.lock");
    let npm = text(&tree, "crates/xtask/src/setup/node.rs");
    assert!(
        npm.contains(r#"["ci", "--ignore-scripts""#) && !npm.contains(r#""install""#),
        "npm would change its lock file"
    );
    let pip = text(&tree, "crates/xtask/src/setup/python.rs");
    assert!(pip.contains(r#"["--require-hashes", "--only-binary", ":all:""#), "pip would take what it finds");
    let deny = text(&tree, "crates/xtask/src/setup/deny.rs");
    assert!(deny.contains(r#"["install", "cargo-deny", "--locked""#), "its dependencies would be the newest");
    let commands = text(&tree, ".ci/run");
    let commands =
        commands.lines().filter(|line| ["cargo", "npm", "npx", "pip"].iter().any(|it| line.starts_with(it)));
    let other: Vec<_> =
        commands.filter(|line| !line.starts_with("cargo xtask ")).map(str::to_owned).collect();
    assert_none("CI calls `cargo xtask` alone:", &other);
}

impl Tree {
    /// All files of that name, sorted.
    fn files(&self, name: &str) -> impl Iterator<Item = String> {
        let mut found: Vec<PathBuf> = Vec::new();
        find(&self.root, name, &mut found);
        found.sort();
        found.into_iter().map(|path| self.name(&path))
    }
}
