//! Reading a stream of server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), as far as the
//! server's has them: `id`, `data`, comments.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

/// An event of 4 MiB, every byte of it escaped.
const MAX_LINE_BYTES: u64 = 32 << 20;

/// An event of a program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamedEvent {
    pub id: String,
    pub event: String,
    pub created_at: i64,
    /// The bytes a webhook gets.
    pub body: String,
}

/// How far the stream is, and perhaps an event.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// To go on behind.
    pub id: String,
    pub event: Option<StreamedEvent>,
}

/// The messages of a stream.
pub struct Messages<R> {
    reader: R,
}

impl<R: BufRead> Messages<R> {
    /// Those that `reader` brings.
    pub const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// The next one that says how far the stream is; none at the end. One that breaks off in the middle is none.
    pub fn next(&mut self) -> io::Result<Option<Message>> {
        let (mut id, mut data) = (None, String::new());
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => id = Some(value.to_owned()),
                "data" => data.push_str(value),
                // Its end is an empty line.
                _ if line.is_empty() => {
                    let data = std::mem::take(&mut data);
                    if let Some(id) = id.take() {
                        let event = (!data.is_empty()).then(|| serde_json::from_str(&data)).transpose()?;
                        return Ok(Some(Message { id, event }));
                    }
                }
                _ => {}
            }
        }
    }

    /// A whole line without its end.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Message> {
        let mut messages = Messages::new(text.as_bytes());
        std::iter::from_fn(|| messages.next().expect("readable")).collect()
    }

    #[test]
    fn events_and_places_are_read_and_what_breaks_off_is_not() {
        let data = r#"{"id":"evt_2","event":"CAMPAIGN_ENDED","createdAt":5,"body":"{\"a\":1}"}"#;
        let text =
            format!(": hello\n\nid: evt_1\n\n:\n\r\nid: evt_2\ndata: {data}\r\n\r\nid: evt_3\ndata: {{");
        let event = StreamedEvent {
            id: "evt_2".to_owned(),
            event: "CAMPAIGN_ENDED".to_owned(),
            created_at: 5,
            body: "{\"a\":1}".to_owned(),
        };
        assert_eq!(
            all(&text),
            [
                Message { id: "evt_1".to_owned(), event: None },
                Message { id: "evt_2".to_owned(), event: Some(event) }
            ]
        );
    }
}
