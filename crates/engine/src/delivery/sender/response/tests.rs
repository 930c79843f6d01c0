use proptest::prelude::*;

use super::pieces::{Read, read};
use super::*;

fn whole(input: &str) -> Read {
    let read_at_once = read(input.as_bytes(), []).expect(input);
    let in_pieces = read(input.as_bytes(), std::iter::repeat(1)).expect(input);
    assert_eq!(read_at_once, in_pieces, "{input}");
    read_at_once
}

fn is_malformed(input: &str) -> bool {
    let read_at_once = read(input.as_bytes(), []);
    let in_pieces = read(input.as_bytes(), std::iter::repeat(1));
    assert_eq!(read_at_once, in_pieces, "{input}");
    read_at_once.is_err()
}

/// The body, whether it is whole, and whether the connection may be used again.
fn body_of(input: &str) -> (String, bool, bool) {
    let Read { head, body, is_whole, .. } = whole(input);
    let keeps_alive = head.expect("a head").keeps_alive;
    (String::from_utf8(body).expect("text"), is_whole, keeps_alive)
}

#[test]
fn where_a_body_ends() {
    for (head, body, wanted) in [
        // RFC 9112, 6.3, in its order.
        ("204 No Content\r\n", "", ("", true, true)),
        ("204 No Content\r\ncontent-length: 0\r\n", "", ("", true, true)),
        // Whoever announces one may send it all the same.
        ("204 No Content\r\ncontent-length: 5\r\n", "", ("", true, false)),
        ("204 No Content\r\ncontent-length:\r\n", "", ("", true, false)),
        ("204 No Content\r\ncontent-length: 1\r\ncontent-length: 2\r\n", "", ("", true, false)),
        ("304 Not Modified\r\ncontent-length: 5\r\n", "", ("", true, false)),
        ("304 Not Modified\r\ntransfer-encoding: chunked\r\n", "", ("", true, false)),
        ("200 OK\r\ntransfer-encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n", ("ok", true, true)),
        ("200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n", "2\r\nok\r\n0\r\n\r\n", ("ok", true, true)),
        ("200 OK\r\nTransfer-Encoding: ,chunked,,\r\n", "2\r\nok\r\n0\r\n\r\n", ("ok", true, true)),
        ("200 OK\r\ntransfer-encoding: chunked, gzip\r\n", "2\r\nok", ("2\r\nok", true, false)),
        // Both: the chunks are right, but what stands between may have taken the other for right.
        (
            "200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n",
            "2\r\nok\r\n0\r\n\r\n",
            ("ok", true, false),
        ),
        ("200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: -1\r\n", "0\r\n\r\n", ("", true, false)),
        ("200 OK\r\ncontent-length: 2\r\n", "ok", ("ok", true, true)),
        ("200 OK\r\ncontent-length: 2\r\nContent-Length: 2\r\n", "ok", ("ok", true, true)),
        ("200 OK\r\ncontent-length: 2, 2\r\n", "ok", ("ok", true, true)),
        ("200 OK\r\ncontent-length: 3\r\n", "ok", ("ok", false, true)),
        ("200 OK\r\ncontent-length: 0\r\n", "", ("", true, true)),
        ("200 OK\r\n", "ok", ("ok", true, false)),
        ("200 OK\r\n", "", ("", true, false)),
        ("101 Switching Protocols\r\nupgrade: x\r\n", "", ("", true, false)),
    ] {
        let input = format!("HTTP/1.1 {head}\r\n{body}");
        let (text, is_whole, keeps_alive) = body_of(&input);
        assert_eq!((text.as_str(), is_whole, keeps_alive), wanted, "{input}");
    }
}

#[test]
fn whether_a_connection_is_kept() {
    for (version, connection, wanted) in [
        ("1.1", None, true),
        ("1.1", Some("close"), false),
        ("1.1", Some("x, CLOSE"), false),
        ("1.1", Some("keep-alive"), true),
        ("1.0", None, false),
        ("1.0", Some("Keep-Alive"), true),
        ("1.0", Some("keep-alive, close"), false),
    ] {
        let line = connection.map_or_else(String::new, |value| format!("connection: {value}\r\n"));
        let input = format!("HTTP/{version} 200 OK\r\n{line}content-length: 0\r\n\r\n");
        assert_eq!(body_of(&input).2, wanted, "{input}");
    }
}

#[test]
fn what_comes_before_an_answer_is_skipped_and_what_comes_behind_is_left() {
    let answer = "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok";
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let Read { head, body, is_whole, rest } = whole(&format!("{interim}{answer}HTTP/1.1 500"));
    let head = head.expect("a head");
    assert_eq!((head.status, head.lines.as_str()), (202, "content-length: 2\n"));
    assert_eq!((body.as_slice(), is_whole, rest.as_slice()), (&b"ok"[..], true, &b"HTTP/1.1 500"[..]));
}

#[test]
fn chunks() {
    let chunked = |body: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}");
    for (body, wanted) in [
        ("0\r\n\r\n", ("", true)),
        ("1\r\na\r\nA;x=\"y\"\r\n0123456789\r\n00\r\n\r\n", ("a0123456789", true)),
        ("1\r\na\r\n0\r\nx-trailer: 1\r\ny: 2\r\n\r\n", ("a", true)),
        ("5\r\nab", ("ab", false)),
        ("1\r\na\r\n0\r\n", ("a", false)),
        ("1\r\na\r\n", ("a", false)),
        ("1\r\na", ("a", false)),
        ("", ("", false)),
    ] {
        let (text, is_whole, _) = body_of(&chunked(body));
        assert_eq!((text.as_str(), is_whole), wanted, "{body:?}");
    }
    for body in [
        "\r\n\r\n",
        "x\r\n",
        "-1\r\na\r\n",
        "+1\r\na\r\n",
        " 1\r\na\r\n",
        "0x1\r\na\r\n",
        "1\na\n0\n\n",
        "1;x\ny\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n",
        "1\r\na\n0\r\n\r\n",
        "11111111111111111\r\n",
        "0\r\nno field\r\n\r\n",
    ] {
        assert!(is_malformed(&chunked(body)), "{body:?}");
    }
    let long = "x".repeat(MAX_BETWEEN_BYTES);
    assert!(is_malformed(&chunked(&format!("1;{long}"))));
    assert!(is_malformed(&chunked(&format!("0\r\nx: {long}"))));
    assert!(is_malformed(&chunked(&format!("0\r\nx: {long}\r\n\r\n"))));
    // Many bytes one by one are a body; many words beside them are not.
    let (text, is_whole, _) = body_of(&chunked(&format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(9_000))));
    assert_eq!((text.len(), is_whole), (9_000, true));
    let words = format!("1;{}\r\na\r\n", "x".repeat(1_000)).repeat(9);
    assert!(is_malformed(&chunked(&format!("{words}0\r\n\r\n"))));
}

#[test]
fn what_is_no_http_or_means_two_things_is_refused() {
    for input in [
        "no http at all\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: 1\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\na",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert!(is_malformed(input), "{input:?}");
    }
    let many = "x: 1\r\n".repeat(MAX_FIELDS + 1);
    assert!(is_malformed(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")));
    let long = "x".repeat(MAX_HEAD_BYTES);
    assert!(is_malformed(&format!("HTTP/1.1 200 OK\r\nx: {long}")));
    assert!(is_malformed(&format!("HTTP/1.1 200 OK\r\nx: {long}\r\ncontent-length: 0\r\n\r\n")));
    assert!(is_malformed(&format!("{}HTTP/1.1 200 OK\r\n\r\n", "\r\n".repeat(9))));
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(MAX_INTERIM as usize);
    assert_eq!(whole(&format!("{interim}HTTP/1.1 204 X\r\n\r\n")).head.map(|head| head.status), Some(204));
    assert!(is_malformed(&format!("{interim}HTTP/1.1 102 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n")));
}

#[test]
fn what_is_kept_of_a_head() {
    let long = "v".repeat(MAX_KEPT);
    let input = format!(
        "HTTP/1.1 302 Found\r\nLocation: https://a.test/\r\nRetry-After:  7 \r\nCONTENT-TYPE: text/html\r\n\
         location: https://b.test/\r\nX-Odd: \u{e9}\r\nx-long: {long}\r\nx-after: 1\r\ncontent-length: 0\r\n\r\n"
    );
    let head = whole(&input).head.expect("a head");
    assert_eq!(head.location.as_deref(), Some("https://a.test/"));
    assert_eq!(head.retry_after.as_deref(), Some("7"));
    assert_eq!(head.content_type.as_deref(), Some("text/html"));
    let lines = "location: https://a.test/\nretry-after: 7\ncontent-type: text/html\nlocation: https://b.test/\nx-odd: \u{e9}\n";
    assert_eq!((head.lines.as_str(), head.is_cut), (lines, true));
}

#[test]
fn how_long_a_receiver_keeps_an_idle_connection() {
    for (said, wanted) in [
        ("timeout=5", Some(5)),
        ("max=100, Timeout=15", Some(15)),
        ("timeout=5\r\nkeep-alive: timeout=7", Some(5)),
        ("timeout=-5", None),
        ("timeout=", None),
        ("timeout", None),
        ("", None),
    ] {
        let answer = whole(&format!("HTTP/1.1 200 OK\r\nKeep-Alive: {said}\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(answer.head.expect("a head").idle_seconds, wanted, "{said}");
    }
}

#[test]
fn what_is_too_long_to_be_said_is_not_kept() {
    for (length, is_kept) in [(MAX_TEXT, true), (MAX_TEXT + 1, false)] {
        let value = "\u{e9}".repeat(length / 2) + &"x".repeat(length % 2);
        let head = whole(&format!("HTTP/1.1 302 Found\r\nlocation: {value}\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(head.head.expect("a head").location, is_kept.then_some(value));
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_parsed_once_it_has_an_end() {
    let field = "x: 1\r\n".repeat(90);
    let input = format!("HTTP/1.1 200 OK\r\n{field}\r\n");
    let mut reader = HeadReader::default();
    for length in 0..input.len() {
        assert_eq!(reader.read(&input.as_bytes()[..length]), Ok(None));
        assert_eq!(reader.without_end, length);
    }
    assert!(reader.read(input.as_bytes()).expect("is HTTP").is_some());
}

/// What looks like responses: arbitrary text would never get beyond the first line.
fn response() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("content-length: 3\r\n".to_owned()),
        Just("transfer-encoding: chunked\r\n".to_owned()),
        Just("connection: close\r\n".to_owned()),
        "[a-z-]{1,8}: [ -~]{0,12}\r\n",
        "[ -~]{0,12}\r?\n",
    ];
    let status = prop_oneof![Just("100"), Just("200"), Just("204"), Just("302"), Just("503")];
    let head = (status, prop::collection::vec(line, 0..4))
        .prop_map(|(status, lines)| format!("HTTP/1.1 {status} X\r\n{}\r\n", lines.concat()));
    let chunk = prop_oneof![
        "[0-9a-c]{1,2}\r\n",
        "[a-z]{0,12}\r\n",
        Just("0\r\n\r\n".to_owned()),
        Just("3\r\nabc\r\n".to_owned())
    ];
    (prop::collection::vec(head, 1..3), prop::collection::vec(chunk, 0..6))
        .prop_map(|(heads, chunks)| heads.concat() + &chunks.concat())
}

proptest! {
    #[test]
    fn the_pieces_do_not_matter(input in response(), lengths in prop::collection::vec(1_usize..40, 0..20)) {
        let at_once = read(input.as_bytes(), []);
        prop_assert_eq!(&at_once, &read(input.as_bytes(), lengths));
        prop_assert_eq!(&at_once, &read(input.as_bytes(), std::iter::repeat(1)));
    }
}
