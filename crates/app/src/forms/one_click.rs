//! What a program for e-mail posts when its reader wants no more of it (RFC 8058): the one field `List-Unsubscribe=One-Click`, as
//! `multipart/form-data`, which the RFC prefers, or as `application/x-www-form-urlencoded`.

use super::Form;

const NAME: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";

/// Whether a body is that. Which of both it is, it says itself: it begins with a boundary, or does not.
pub(super) fn is_one_click(body: &[u8]) -> bool {
    if body.starts_with(b"--") {
        String::from_utf8_lossy(body).split_once('\n').is_some_and(|(boundary, parts)| {
            parts.split(boundary.trim_end()).any(|part| is_the_field(&part.replace('\r', "")))
        })
    } else {
        Form::read(body).get(NAME) == VALUE
    }
}

/// Whether a part of a multipart body is the field.
fn is_the_field(part: &str) -> bool {
    let Some((head, content)) = part.split_once("\n\n") else { return false };
    let is_named = |parameter: &str| {
        let named = parameter.trim().split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("name"));
        named.is_some_and(|(_, name)| name.trim_matches('"') == NAME)
    };
    let is_named = head.lines().any(|line| {
        let header = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case("content-disposition"));
        header.is_some_and(|(_, value)| value.split(';').any(is_named))
    });
    is_named && content.trim() == VALUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_encoding_is_read_and_nothing_else() {
        let multipart = |name: &str, value: &str| {
            format!(
                "--Next_9\r\ncontent-disposition: form-data; name={name}\r\nContent-Type: text/plain\r\n\r\n{value}\r\n--Next_9--\r\n"
            )
        };
        for body in [
            "List-Unsubscribe=One-Click".to_owned(),
            multipart("\"List-Unsubscribe\"", "One-Click"),
            multipart("List-Unsubscribe", "One-Click"),
            multipart("\"List-Unsubscribe\"", "One-Click").replace('\r', ""),
            multipart("\"other\"", "x")
                .replace("--Next_9--\r\n", &multipart("\"List-Unsubscribe\"", "One-Click")),
        ] {
            assert!(is_one_click(body.as_bytes()), "{body}");
        }
        for body in [
            String::new(),
            "--".to_owned(),
            "--\n".to_owned(),
            "token=abc&intent=want".to_owned(),
            multipart("\"other\"", "One-Click"),
            multipart("\"List-Unsubscribe\"", "Two-Clicks"),
            multipart("\"other\"", "name=\"List-Unsubscribe\"\r\n\r\nOne-Click"),
        ] {
            assert!(!is_one_click(body.as_bytes()), "{body}");
        }
        assert!(!is_one_click(b"--\xff\xfe\n\n\n--\xff"));
    }
}
