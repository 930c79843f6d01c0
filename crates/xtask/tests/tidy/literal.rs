//! The string literals of a Rust file: where each stands, what it says, and the code before it.

/// A string literal in code. Those in comments are none.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// Counted from 1.
    pub line: usize,
    /// As it is written, with line breaks that a backslash hides taken out.
    pub text: String,
    /// What stands before it, up to the literal or comment before that, white space left out.
    pub before: String,
}

/// All string literals of `lines`.
pub fn literals(lines: &[String]) -> Vec<Literal> {
    let source = lines.join("\n");
    let mut found = Vec::new();
    let mut rest = source.as_str();
    let mut before = String::new();
    while let Some(first) = rest.chars().next() {
        let line = 1 + source[..source.len() - rest.len()].matches('\n').count();
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some((text, after)) = raw(rest, &before) {
            found.push(Literal { line, text: text.to_owned(), before: std::mem::take(&mut before) });
            rest = after;
        } else if let Some(after) = character(rest) {
            before.push('\'');
            rest = after;
        } else if first == '"' {
            let end = 1 + closing(&rest[1..]);
            let text = unfolded(&rest[1..end]);
            found.push(Literal { line, text, before: std::mem::take(&mut before) });
            rest = rest.get(end + 1..).unwrap_or_default();
        } else {
            if !first.is_whitespace() {
                before.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// A raw string: its text, what follows it.
fn raw<'a>(rest: &'a str, before: &str) -> Option<(&'a str, &'a str)> {
    let is_word = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    let hashes = rest.strip_prefix('r').filter(|_| !is_word)?;
    let inside = hashes.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(hashes.len() - inside.len()));
    inside.strip_prefix('"')?.split_once(&end)
}

/// A character such as `'"'`, which begins no string; what follows it. Lifetimes are none.
fn character(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('\'')?;
    let end = match inside.strip_prefix('\\') {
        Some(escaped) => 2 + escaped.get(1..)?.find('\'')?,
        None => inside.chars().next()?.len_utf8(),
    };
    inside.get(end..)?.strip_prefix('\'')
}

/// Where the quotation mark is that closes a string.
fn closing(inside: &str) -> usize {
    let mut is_escaped = false;
    let end = inside.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.unwrap_or(inside.len())
}

/// Lines that a backslash folds, in one.
fn unfolded(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(part.trim_start());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_and_nothing_else() {
        let lines: Vec<String> = [
            "let a = \"one \\",
            "    two \\\"x\\\"\"; // \"no\"",
            "let q: &'static str = ('\"', '\\'', r#\"raw \"x\"\"#);",
            "<p>\"Words\"</p>",
        ]
        .map(str::to_owned)
        .to_vec();
        let found: Vec<_> = literals(&lines).into_iter().map(|it| (it.line, it.text)).collect();
        let wanted = [(1, "one two \\\"x\\\""), (3, "raw \"x\""), (4, "Words")];
        assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())));
        assert!(literals(&lines)[2].before.ends_with("<p>"));
    }
}
