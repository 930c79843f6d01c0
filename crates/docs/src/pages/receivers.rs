//! The receivers in `examples/receivers`: whole, and the part that checks the signature. The files themselves are taken
//! in, so what a page shows is what the tests run, and one that is missing does not compile.

use std::fmt::Write as _;

/// A receiver.
struct Receiver {
    anchor: &'static str,
    /// The language, and what it is built on.
    title: &'static str,
    /// For the reader of the text as Markdown.
    language: &'static str,
    /// Its file below the repository's root.
    path: &'static str,
    /// The file.
    source: &'static str,
    /// How to start it, in its directory.
    start: &'static str,
    /// The line on which the check of the signature begins, and the one that comes after it.
    check: [&'static str; 2],
}

/// Takes a file of `examples/` in, with its path.
macro_rules! example {
    ($path:literal) => {
        (concat!("examples/", $path), include_str!(concat!("../../../../examples/", $path)))
    };
}

pub(super) use example;

/// A receiver of the table below.
const fn receiver(
    [anchor, title, language, start]: [&'static str; 4],
    (path, source): (&'static str, &'static str),
    check: [&'static str; 2],
) -> Receiver {
    Receiver { anchor, title, language, path, source, start, check }
}

const ALL: [Receiver; 9] = [
    receiver(
        ["node", "Node", "js", "node receiver.mjs"],
        example!("receivers/node-plain/receiver.mjs"),
        ["function isGenuine(", "async function store("],
    ),
    receiver(
        ["express", "Node with Express", "js", "npm install && node receiver.mjs"],
        example!("receivers/node-express/receiver.mjs"),
        ["function isGenuine(", "async function store("],
    ),
    receiver(
        ["python", "Python", "python", "python3 receiver.py"],
        example!("receivers/python-stdlib/receiver.py"),
        ["def is_genuine(", "def database("],
    ),
    receiver(
        ["flask", "Python with Flask", "python", "pip install -r requirements.txt && python3 receiver.py"],
        example!("receivers/python-flask/receiver.py"),
        ["def is_genuine(", "def database("],
    ),
    receiver(
        ["rust", "Rust with axum", "rust", "cargo run"],
        example!("receivers/rust/src/main.rs"),
        ["fn is_genuine(", "fn store("],
    ),
    receiver(
        ["go", "Go", "go", "go run ."],
        example!("receivers/go/receiver.go"),
        ["func isGenuine(", "func store("],
    ),
    receiver(
        ["php", "PHP", "php", "php -S 127.0.0.1:8080 receiver.php"],
        example!("receivers/php/receiver.php"),
        ["function isGenuine(", "function store("],
    ),
    receiver(
        ["ruby", "Ruby", "ruby", "gem install webrick && ruby receiver.rb"],
        example!("receivers/ruby/receiver.rb"),
        ["def genuine?(", "def store("],
    ),
    receiver(
        ["java", "Java", "java", "java Receiver.java"],
        example!("receivers/java/Receiver.java"),
        ["static boolean isGenuine(", "static boolean store("],
    ),
];

/// The check in every language, the first one open.
pub fn verifying() -> String {
    let mut text = String::from(
        "## In your language {#code}\n\nFrom the [receivers](/docs/examples#receivers), which are tested as they stand. They \
         check both signatures; keep the one you like.\n\n",
    );
    for (at, receiver) in ALL.iter().enumerate() {
        let option = if at == 0 { "title" } else { "folded" };
        let _ = write!(
            text,
            "```{} {option}=\"{}\"\n{}\n```\n\n",
            receiver.language,
            receiver.title,
            receiver.checking()
        );
    }
    text
}

/// Every receiver with its whole file.
pub fn whole(text: &mut String) {
    let links: Vec<String> =
        ALL.iter().map(|receiver| format!("[{}](#{})", receiver.title, receiver.anchor)).collect();
    let _ = writeln!(text, "{}", links.join(" · "));
    for Receiver { anchor, title, language, path, source, start, .. } in &ALL {
        let _ = write!(
            text,
            "\n### {title} {{#{anchor}}}\n\n```sh title=\"Start it\"\nWEBHOOK_SECRET='your webhook secret' {start}\n```\n\n"
        );
        file(text, language, (path, source));
    }
}

/// A whole file, closed at first.
pub fn file(text: &mut String, language: &str, (path, source): (&str, &str)) {
    let lines = source.lines().count();
    let _ = write!(text, "```{language} folded=\"{path} ({lines} lines)\"\n{}\n```\n\n", source.trim_end());
}

impl Receiver {
    /// The lines that check the signature, with their comments, as far to the left as they go.
    fn checking(&self) -> String {
        let lines: Vec<&str> = self.source.lines().collect();
        let [from, until] = self.check.map(|begin| {
            let at = lines.iter().position(|line| line.trim_start().starts_with(begin));
            let mut at = at.unwrap_or_else(|| panic!("{} has no line that begins with {begin}", self.path));
            while at > 0 && is_comment(lines[at - 1]) {
                at -= 1;
            }
            at
        });
        let excerpt = &lines[from..until];
        let indentation = |line: &&str| line.len() - line.trim_start().len();
        let left = excerpt.iter().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
        let excerpt: Vec<&str> = excerpt.iter().map(|line| line.get(left..).unwrap_or("")).collect();
        excerpt.join("\n").trim_end().to_owned()
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "/*", "*", "#"].iter().any(|begin| line.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_of_every_receiver_is_whole_and_only_that() {
        for receiver in &ALL {
            let check = receiver.checking();
            for wanted in ["growsurf-signature", "webhook-signature", "webhook-timestamp"] {
                let is_there = check.to_lowercase().replace('_', "-").contains(wanted);
                assert!(is_there, "{} without {wanted}:\n{check}", receiver.path);
            }
            assert!(check.lines().count() < 80, "{}:\n{check}", receiver.path);
            assert!(check.lines().any(|line| !line.starts_with([' ', '\t'])), "{}:\n{check}", receiver.path);
        }
    }
}
