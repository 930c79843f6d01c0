//! That nothing in the log can be mistaken for another line of it, or for a command to a terminal.
//!
//! tracing-subscriber escapes what begins terminal sequences, but neither line breaks nor the characters that turn the
//! direction of text around. Fields hold what people and receivers have sent, also in the words of errors; so
//! everything in a message or a field is escaped here; of lines in JSON `lines.rs` escapes what their format leaves.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Fields as people read them, with nothing in them that is no visible text.
pub struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.try_put(field.name(), value);
        }
    }

    fn try_put(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        if name == "message" {
            return Escaping(&mut self.writer).write_fmt(value);
        }
        let name = name.strip_prefix("r#").unwrap_or(name);
        if self.writer.has_ansi_escapes() {
            write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
        } else {
            write!(self.writer, "{name}=")?;
        }
        Escaping(&mut self.writer).write_fmt(value)
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.put(field, format_args!("{value}"));
        } else {
            self.put(field, format_args!("{value:?}"));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut sources = String::new();
        let mut source = value.source();
        while let Some(error) = source {
            // Writing to a string cannot fail.
            let _ = write!(sources, ": {error}");
            source = error.source();
        }
        self.put(field, format_args!("{value}{sources}"));
    }
}

/// Writes on, what is no visible text in the form Rust writes it in.
struct Escaping<'a, W>(&'a mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_hidden) {
            let (visible, from) = rest.split_at(at);
            self.0.write_str(visible)?;
            let mut characters = from.chars();
            if let Some(hidden) = characters.next() {
                write!(self.0, "{}", hidden.escape_default())?;
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Control characters of both ranges, other line ends, and what changes the direction of text.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a subscriber writes.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer {0}")]
    struct Outer(String, #[source] std::io::Error);

    const HOSTILE: &str = "a\nb\r\u{1b}[31mc\u{85}\u{9b}d\u{202e}e\u{2066}f\u{2028}g\u{7f}\t\u{200f}\0ü";

    fn logged(is_ansi: bool) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(is_ansi)
            .without_time()
            .with_writer(move || writer.clone())
            .fmt_fields(EscapedFields)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = Outer(HOSTILE.to_owned(), std::io::Error::other(HOSTILE));
            let span = tracing::info_span!("call", path = %HOSTILE, late = tracing::field::Empty);
            let _entered = span.enter();
            span.record("late", HOSTILE);
            tracing::info!(shown = %HOSTILE, debug = ?HOSTILE, text = HOSTILE, %error, "said {HOSTILE}");
            tracing::info!(error = &error as &dyn Error, r#type = 7);
        });
        let bytes = written.0.lock().expect("nobody panics").clone();
        String::from_utf8(bytes).expect("is text")
    }

    #[test]
    fn nothing_that_was_sent_can_end_a_line_or_command_a_terminal() {
        let text = logged(false);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.replace('\n', "").contains(is_hidden), "{text:?}");
        let escaped = r"a\nb\r\u{1b}[31mc\u{85}\u{9b}d\u{202e}e\u{2066}f\u{2028}g\u{7f}\t\u{200f}\u{0}ü";
        for part in [
            format!("said {escaped}"),
            format!("shown={escaped}"),
            format!("path={escaped}"),
            format!("error=outer {escaped}: {escaped} "),
            "type=7".to_owned(),
        ] {
            assert!(text.contains(&part), "no {part} in {text}");
        }
    }

    #[test]
    fn colours_of_our_own_stay() {
        let text = logged(true);
        assert!(text.contains("\x1b[3mshown\x1b[0m\x1b[2m=\x1b[0ma\\nb"), "{text:?}");
        assert!(!text.contains("\x1b[31m"), "{text:?}");
    }
}
