//! JSON laid out for reading. Only white space changes: numbers, escapes and the order of keys stay exactly as
//! they were sent, which parsing and printing would not promise.

/// `text` with one member or element a line, indented by two spaces; `None` when it is no JSON object or array.
pub fn pretty(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return None;
    }
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                copy_string(&mut chars, &mut out);
            }
            '{' | '[' => {
                out.push(c);
                skip_space(&mut chars);
                if let Some(&end) = chars.peek()
                    && matches!(end, '}' | ']')
                {
                    out.push(end);
                    chars.next();
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

fn copy_string(chars: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(c) = chars.next() {
        out.push(c);
        match c {
            '"' => return,
            '\\' => out.extend(chars.next()),
            _ => {}
        }
    }
}

fn skip_space(chars: &mut std::iter::Peekable<impl Iterator<Item = char>>) {
    while chars.next_if(char::is_ascii_whitespace).is_some() {}
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_changes() {
        let text = r#"{"a":1e+21,"b":[1,{"c":"x, {y}: \"z\" \\"}],"d":{},"e":[ ],"f":-0.10}"#;
        let wanted = "{\n  \"a\": 1e+21,\n  \"b\": [\n    1,\n    {\n      \"c\": \"x, {y}: \\\"z\\\" \\\\\"\n    }\n  ],\
                      \n  \"d\": {},\n  \"e\": [],\n  \"f\": -0.10\n}";
        assert_eq!(pretty(text).as_deref(), Some(wanted));
        assert_eq!(pretty(wanted).as_deref(), Some(wanted));
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in ["", "OK", "<html>", "{\"a\":", "\"text\"", "17"] {
            assert_eq!(pretty(text), None, "{text}");
        }
    }
}
