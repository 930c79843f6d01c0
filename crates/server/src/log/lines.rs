//! Lines with the id of the request that they are about, and in JSON with nothing in them that is no visible text.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::fields::is_hidden;
use crate::config::LogFormat;
use crate::request;

/// Lines as `inner` makes them, with `request.id` at their end where they are about a request.
pub struct WithRequest<Inner> {
    inner: Inner,
    format: LogFormat,
}

impl<Inner> WithRequest<Inner> {
    /// Lines as `inner` makes them, which are in this format.
    pub const fn new(inner: Inner, format: LogFormat) -> Self {
        Self { inner, format }
    }
}

impl<S, N, Inner> FormatEvent<S, N> for WithRequest<Inner>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    Inner: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let request = request::current();
        if request.is_none() && self.format == LogFormat::Human {
            return self.inner.format_event(context, writer, event);
        }
        let is_ansi = writer.has_ansi_escapes();
        let mut line = String::with_capacity(256);
        let inner = Writer::new(&mut line);
        self.inner.format_event(context, inner, event)?;
        let line = line.trim_end();
        match (request, self.format) {
            (None, LogFormat::Human) => writeln!(writer, "{line}"),
            (Some(id), LogFormat::Human) if is_ansi => {
                writeln!(writer, "{line} \x1b[3mrequest.id\x1b[0m\x1b[2m=\x1b[0m{}", id.0)
            }
            (Some(id), LogFormat::Human) => writeln!(writer, "{line} request.id={}", id.0),
            (id, LogFormat::Json) => {
                let open = line.strip_suffix('}').filter(|_| id.is_some());
                write_escaped(&mut writer, open.unwrap_or(line))?;
                match (id, open) {
                    // What we make has no character that JSON escapes.
                    (Some(id), Some(_)) => writeln!(writer, ",\"request.id\":\"{}\"}}", id.0),
                    _ => writeln!(writer),
                }
            }
        }
    }
}

/// Writes a line in JSON on, with nothing in it that is no visible text: JSON's own writer escapes but the first of the control
/// characters. They are in strings only, so each may stand as its escape.
fn write_escaped(writer: &mut Writer<'_>, line: &str) -> fmt::Result {
    let mut rest = line;
    while let Some(at) = rest.find(is_hidden) {
        let (visible, from) = rest.split_at(at);
        writer.write_str(visible)?;
        let mut characters = from.chars();
        for unit in characters.next().into_iter().flat_map(|hidden| hidden.encode_utf16(&mut [0; 2]).to_vec())
        {
            write!(writer, "\\u{unit:04x}")?;
        }
        rest = characters.as_str();
    }
    writer.write_str(rest)
}
