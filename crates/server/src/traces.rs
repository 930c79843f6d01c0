//! Traces by OpenTelemetry, for those who set its variables; without them there is none of this but a look whether there is.
//!
//! A trace shows an event's way: the request (`POST /v2/campaign/{id}/events`), the `commit`, each `attempt`, and the commit
//! of its `outcome`. A request that comes with `traceparent` is in its caller's trace. Receivers get none: what a delivery
//! consists of is the contract, the ids of this server's requests are not theirs to know, and a trace of ours cannot be
//! joined by strangers. In a span is what is in the log, never a body, a header or a URL.

mod client;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use groundswell_engine::clock;
use groundswell_engine::traces::{SpanRecord, SpanSink, Step, TraceContext};
use http::{HeaderMap, Method, StatusCode};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use url::Url;

use self::client::Client;
use crate::config::mail::percent_decoded;
use crate::config::traces::{SamplerSettings, TracesSettings};
use crate::http_meters::method_name;
use crate::request::RequestId;

/// What is left is sent for so long when the server stops. It is taken from the time of the attempts under way.
pub const LAST_SPANS: Duration = Duration::from_secs(3);

/// What is asked every few seconds by machines is traced for nobody.
const UNTRACED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Makes spans and sends them.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: Arc<TraceContextPropagator>,
}

impl Traces {
    /// Begins to send what there will be. Inside of the runtime, which sends.
    pub fn start(settings: &TracesSettings) -> anyhow::Result<Self> {
        let (endpoint, headers) = apart(settings.endpoint.clone())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_headers(headers)
            .with_http_client(Client::new().context("the trust store for sending traces cannot be read")?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .build()
            .context("traces cannot be sent")?;
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler(settings.sampler))
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("groundswell");
        Ok(Self { provider, tracer, propagator: Arc::new(TraceContextPropagator::new()) })
    }

    /// Begins the span of a request, if its route is one that is traced.
    pub fn request(&self, method: &Method, route: Option<&str>, headers: &HeaderMap) -> Option<RequestSpan> {
        let route = route.filter(|route| !UNTRACED.contains(route))?;
        let parent = self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let (name, method) = named(method);
        let attributes =
            vec![KeyValue::new("http.request.method", method), KeyValue::new("http.route", route.to_owned())];
        let builder = SpanBuilder::from_name(format!("{name} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        span.is_recording().then(|| RequestSpan(Box::new(span)))
    }

    /// Sends what has not been sent, and nothing more. Blocks for up to [`LAST_SPANS`].
    pub fn stop(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// A collector's address without the name and the password in it, and the header that says them (RFC 7617): what connects writes
/// addresses into the log where that is asked for.
fn apart(mut endpoint: Url) -> anyhow::Result<(Url, HashMap<String, String>)> {
    let mut headers = HashMap::new();
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        let parts = [endpoint.username(), endpoint.password().unwrap_or_default()];
        let [Some(name), Some(password)] = parts.map(percent_decoded) else {
            anyhow::bail!("the name and the password in the endpoint for traces are no text")
        };
        let credentials = BASE64.encode(format!("{name}:{password}"));
        headers.insert("authorization".to_owned(), format!("Basic {credentials}"));
    }
    // A URL of http always can do without.
    let _ = (endpoint.set_username(""), endpoint.set_password(None));
    Ok((endpoint, headers))
}

/// A method in a span's name, and as its attribute. Anybody can invent methods, and a collector that counts spans by name
/// would keep each: OpenTelemetry has one word for all of them.
fn named(method: &Method) -> (&'static str, &'static str) {
    match method_name(method) {
        "other" => ("HTTP", "_OTHER"),
        known => (known, known),
    }
}

fn sampler(SamplerSettings { is_parent_based, ratio }: SamplerSettings) -> Sampler {
    let own = Sampler::TraceIdRatioBased(ratio);
    if is_parent_based { Sampler::ParentBased(Box::new(own)) } else { own }
}

/// The span of a request that is being answered.
pub struct RequestSpan(Box<Span>);

impl RequestSpan {
    /// What is done for the request belongs to this.
    pub fn context(&self) -> TraceContext {
        context_of(self.0.span_context())
    }

    /// The request is answered.
    pub fn answered(mut self, id: &RequestId, status: StatusCode) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        self.0.set_attribute(KeyValue::new("groundswell.request.id", id.0.as_ref().to_owned()));
        if status.is_server_error() {
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

impl SpanSink for Traces {
    fn record(&self, span: SpanRecord) -> Option<TraceContext> {
        let SpanRecord { parent, began, took, step } = span;
        let parent = SpanContext::new(
            TraceId::from_bytes(parent.trace_id),
            SpanId::from_bytes(parent.span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let (name, kind, attributes) = described(step);
        let builder =
            SpanBuilder::from_name(name).with_kind(kind).with_start_time(began).with_attributes(attributes);
        let parent = Context::new().with_remote_span_context(parent);
        let mut span = self.tracer.build_with_context(builder, &parent);
        if !span.is_recording() {
            return None;
        }
        if let Step::Attempt { failure: Some(failure), .. } = step {
            span.set_status(Status::error(failure));
        }
        let context = context_of(span.span_context());
        span.end_with_timestamp(end_of(began, took));
        Some(context)
    }
}

fn end_of(began: SystemTime, took: Duration) -> SystemTime {
    began.checked_add(took).unwrap_or_else(|| clock::ago(Duration::ZERO))
}

fn context_of(span: &SpanContext) -> TraceContext {
    TraceContext { trace_id: span.trace_id().to_bytes(), span_id: span.span_id().to_bytes() }
}

/// The name, the kind and the attributes of a step's span.
fn described(step: Step) -> (&'static str, SpanKind, Vec<KeyValue>) {
    match step {
        Step::Commit { event } => {
            ("commit", SpanKind::Internal, vec![KeyValue::new("groundswell.event.id", event.to_string())])
        }
        Step::Attempt { event, delivery, number, failure, status } => {
            let mut attributes = vec![
                KeyValue::new("groundswell.event.id", event.to_string()),
                KeyValue::new("groundswell.delivery.id", delivery.to_string()),
                KeyValue::new("groundswell.attempt.number", number),
            ];
            attributes.extend(failure.map(|class| KeyValue::new("error.type", class)));
            let status = status.map(|status| KeyValue::new("http.response.status_code", i64::from(status)));
            attributes.extend(status);
            ("attempt", SpanKind::Client, attributes)
        }
        Step::Outcome { delivery, after } => {
            let attributes = vec![
                KeyValue::new("groundswell.delivery.id", delivery.to_string()),
                KeyValue::new("groundswell.outcome", after),
            ];
            ("outcome", SpanKind::Internal, attributes)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The trace that a request with these headers is taken to be in.
    fn trace_of(traceparent: &[u8], tracestate: &[u8]) -> Option<TraceId> {
        let header = |name: &'static str, value: &[u8]| {
            Some((http::HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?))
        };
        let headers = [header("traceparent", traceparent), header("tracestate", tracestate)];
        let headers: HeaderMap = headers.into_iter().flatten().collect();
        let context =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(&headers));
        let span = context.span();
        span.span_context().is_valid().then(|| span.span_context().trace_id())
    }

    proptest! {
        #[test]
        fn a_request_is_in_no_trace_but_the_one_that_it_names(
            header in prop_oneof![any::<Vec<u8>>(), "[0-9a-f]{2}-[0-9a-fA-F+]{30,33}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,9})?".prop_map(String::into_bytes)],
            state in any::<Vec<u8>>(),
            (trace, span) in (1_u128.., 1_u64..),
        ) {
            if let Some(trace) = trace_of(&header, &state) {
                let header = String::from_utf8_lossy(&header).to_lowercase();
                prop_assert!(header.contains(&trace.to_string()), "{} is not in {}", trace, header);
            }
            let named = format!("00-{trace:032x}-{span:016x}-01");
            prop_assert_eq!(trace_of(named.as_bytes(), &state), Some(TraceId::from(trace)));
        }
    }
}
