//! Lines with the id of the request that they are about.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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
        let Some(request) = request::current() else {
            return self.inner.format_event(context, writer, event);
        };
        let is_ansi = writer.has_ansi_escapes();
        let mut line = String::with_capacity(256);
        let inner = Writer::new(&mut line);
        self.inner.format_event(context, inner, event)?;
        let id = &request.0;
        match self.format {
            LogFormat::Json => match line.trim_end().strip_suffix('}') {
                // What we make has no character that JSON escapes.
                Some(open) => writeln!(writer, "{open},\"request.id\":\"{id}\"}}"),
                None => writer.write_str(&line),
            },
            LogFormat::Human if is_ansi => {
                writeln!(writer, "{} \x1b[3mrequest.id\x1b[0m\x1b[2m=\x1b[0m{id}", line.trim_end())
            }
            LogFormat::Human => writeln!(writer, "{} request.id={id}", line.trim_end()),
        }
    }
}
