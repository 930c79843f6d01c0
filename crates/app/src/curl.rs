//! A request as a command for a POSIX shell.

use groundswell_types::RequestView;

/// A `curl` command that makes the same request.
pub fn command(request: &RequestView) -> String {
    let mut command = format!("curl -i -X POST {}", quoted(&request.url));
    for header in &request.headers {
        // curl counts the body itself, and a wrong count would cut it off.
        if !header.name.eq_ignore_ascii_case("content-length") && !header.name.eq_ignore_ascii_case("host") {
            command.push_str(" \\\n  -H ");
            command.push_str(&quoted(&format!("{}: {}", header.name, header.value)));
        }
    }
    command.push_str(" \\\n  --data-raw ");
    command.push_str(&quoted(&request.body));
    command
}

/// `text` as one word: in single quotes, where nothing is special but the single quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use groundswell_types::HeaderView;

    use super::*;

    #[test]
    fn a_request_becomes_a_command() {
        let header = |name: &str, value: &str| HeaderView { name: name.to_owned(), value: value.to_owned() };
        let request = RequestView {
            url: "https://example.com/hook?a=1&b=2".to_owned(),
            headers: vec![header("content-type", "application/json"), header("Content-Length", "17")],
            body: r#"{"name":"O'Neil $HOME"}"#.to_owned(),
        };
        let wanted = "curl -i -X POST 'https://example.com/hook?a=1&b=2' \\\n  -H 'content-type: application/json' \
                      \\\n  --data-raw '{\"name\":\"O'\\''Neil $HOME\"}'";
        assert_eq!(command(&request), wanted);
    }
}
