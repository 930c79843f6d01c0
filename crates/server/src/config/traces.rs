//! Traces. The variables are OpenTelemetry's, so that whoever runs a collector has set them already; of what is not here
//! (headers, timeouts, the sizes of batches) the exporter reads the standard variables itself.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";

/// See [`TracesSettings`].
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TracesArgs {
    /// Send traces to the OpenTelemetry collector at this address, for example `http://localhost:4318`.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    otlp_endpoint: Option<String>,
    /// The same, with the whole path.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL", hide_env_values = true)]
    otlp_traces_endpoint: Option<String>,
    /// How traces are sent: `http/protobuf` is what there is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", value_name = "PROTOCOL")]
    otlp_protocol: Option<String>,
    /// What this server is called in traces; `groundswell` unless it is said.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    service_name: Option<String>,
    /// Which requests are traced: always_on, always_off, traceidratio, or one of them behind `parentbased_`.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_name = "SAMPLER")]
    traces_sampler: Option<String>,
    /// Of traceidratio: which part of them, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO")]
    traces_sampler_arg: Option<String>,
    /// Send no traces, whatever else is set.
    #[arg(long, env = "OTEL_SDK_DISABLED", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    otel_sdk_disabled: Option<bool>,
}

/// The file's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesSection {
    otlp_endpoint: Option<String>,
    service_name: Option<String>,
    sampler: Option<String>,
    sampler_arg: Option<String>,
}

/// Where traces go, and of what.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesSettings {
    /// With its path.
    pub endpoint: Url,
    pub service_name: String,
    pub sampler: SamplerSettings,
}

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerSettings {
    /// Whether a request that comes with a trace is traced when that is.
    pub is_parent_based: bool,
    /// The others: which part of them, from 0 to 1.
    pub ratio: f64,
}

/// The settings; none when traces go nowhere.
pub fn settings(args: TracesArgs, file: TracesSection) -> anyhow::Result<Option<TracesSettings>> {
    if args.otel_sdk_disabled == Some(true) {
        return Ok(None);
    }
    let base = args.otlp_endpoint.or(file.otlp_endpoint);
    let endpoint = match (args.otlp_traces_endpoint, base) {
        (Some(whole), _) => whole,
        (None, Some(base)) => format!("{}{PATH}", base.trim_end_matches('/')),
        (None, None) => return Ok(None),
    };
    if let Some(protocol) = args.otlp_protocol.filter(|protocol| protocol != "http/protobuf") {
        bail!(
            "traces are sent by http/protobuf, not by {protocol}: set OTEL_EXPORTER_OTLP_PROTOCOL to it, and the endpoint to \
             the collector's port for HTTP, usually 4318"
        );
    }
    let endpoint = Url::parse(&endpoint).with_context(|| format!("{endpoint} is no URL for traces"))?;
    if !["http", "https"].contains(&endpoint.scheme()) {
        bail!("traces go to a URL that begins with http:// or https://, not to {endpoint}");
    }
    Ok(Some(TracesSettings {
        endpoint,
        service_name: args.service_name.or(file.service_name).unwrap_or_else(|| "groundswell".to_owned()),
        sampler: sampler(
            args.traces_sampler.or(file.sampler).as_deref(),
            args.traces_sampler_arg.or(file.sampler_arg).as_deref(),
        )?,
    }))
}

fn sampler(name: Option<&str>, argument: Option<&str>) -> anyhow::Result<SamplerSettings> {
    let name = name.unwrap_or("parentbased_always_on");
    let (is_parent_based, own) = match name.strip_prefix("parentbased_") {
        Some(own) => (true, own),
        None => (false, name),
    };
    let ratio = match own {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => argument
            .map_or(Ok(1.0), str::parse)
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .with_context(|| format!("{} is no part of traces from 0 to 1", argument.unwrap_or_default()))?,
        _ => bail!(
            "{name} is no sampler for traces: take always_on, always_off, traceidratio, or one of them behind parentbased_"
        ),
    };
    Ok(SamplerSettings { is_parent_based, ratio })
}

impl TracesSettings {
    /// For people, in the words of the file. A user and a password in the endpoint are nobody's business.
    pub fn shown(&self, mask: &str) -> Value {
        let mut endpoint = self.endpoint.clone();
        if endpoint.password().is_some() {
            // It has a host, so it can have a password.
            let _ = endpoint.set_password(Some(mask));
        }
        let SamplerSettings { is_parent_based, ratio } = self.sampler;
        let sampler = if is_parent_based { "parentbased_traceidratio" } else { "traceidratio" };
        json!({
            "endpoint": endpoint.as_str(), "service_name": self.service_name,
            "sampler": sampler, "sampler_arg": ratio.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut TracesArgs)) -> anyhow::Result<Option<TracesSettings>> {
        let mut args =
            TracesArgs { otlp_endpoint: Some("http://localhost:4318/".to_owned()), ..TracesArgs::default() };
        change(&mut args);
        settings(args, TracesSection::default())
    }

    #[test]
    fn traces_go_below_the_collectors_address_or_where_they_are_told_to() {
        let usual = with(|_| ()).expect("good").expect("on");
        assert_eq!(usual.endpoint.as_str(), "http://localhost:4318/v1/traces");
        assert_eq!(usual.service_name, "groundswell");
        assert_eq!(usual.sampler, SamplerSettings { is_parent_based: true, ratio: 1.0 });
        let whole = with(|args| args.otlp_traces_endpoint = Some("https://a.example/t".to_owned()));
        assert_eq!(whole.expect("good").expect("on").endpoint.as_str(), "https://a.example/t");
        assert_eq!(with(|args| args.otel_sdk_disabled = Some(true)).expect("good"), None);
        assert_eq!(settings(TracesArgs::default(), TracesSection::default()).expect("good"), None);
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_does() {
        let of = |endpoint: &str, protocol: &str, sampler: &str| TracesArgs {
            otlp_endpoint: Some(endpoint.to_owned()),
            otlp_protocol: Some(protocol.to_owned()),
            traces_sampler: Some(sampler.to_owned()),
            traces_sampler_arg: Some("7".to_owned()),
            ..TracesArgs::default()
        };
        let (collector, protocol) = ("http://localhost:4318", "http/protobuf");
        for (args, said) in [
            (of(collector, "grpc", "always_on"), "http/protobuf"),
            (of("collector:4318", protocol, "always_on"), "http://"),
            (of(collector, protocol, "xray"), "always_on"),
            (of(collector, protocol, "traceidratio"), "from 0 to 1"),
        ] {
            let error = settings(args, TracesSection::default()).expect_err("refused").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
