//! Traces. The variables are OpenTelemetry's, so that whoever runs a collector has set them already; of what is not here
//! (headers, timeouts, the sizes of batches) the exporter reads the standard variables itself. As OpenTelemetry has it, one
//! that is empty counts as not set: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

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
    /// The same, for traces alone; it counts before the other.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value_name = "NAME")]
    otlp_traces_protocol: Option<String>,
    /// Where traces go: `otlp`, to the collector, or `none`, nowhere.
    #[arg(long, env = "OTEL_TRACES_EXPORTER", value_name = "EXPORTER")]
    traces_exporter: Option<String>,
    /// What this server is called in traces; `groundswell` unless it is said.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    service_name: Option<String>,
    /// Which requests are traced: always_on, always_off, traceidratio, or one of them behind `parentbased_`.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_name = "SAMPLER")]
    traces_sampler: Option<String>,
    /// Of traceidratio: which part of them, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO")]
    traces_sampler_arg: Option<String>,
    /// Send no traces, whatever else is set; anything but `true` is false.
    #[arg(long, env = "OTEL_SDK_DISABLED", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    otel_sdk_disabled: Option<String>,
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
    let is_disabled = args.otel_sdk_disabled.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let base = set(args.otlp_endpoint).or(set(file.otlp_endpoint));
    let whole = set(args.otlp_traces_endpoint);
    let exporter = set(args.traces_exporter);
    if is_disabled || exporter.as_deref() == Some("none") {
        return Ok(None);
    }
    let endpoint = match (whole, base) {
        (Some(whole), _) => whole,
        (None, Some(base)) => format!("{}{PATH}", base.trim_end_matches('/')),
        (None, None) => return Ok(None),
    };
    if let Some(exporter) = exporter.filter(|names| !names.split(',').any(|name| name.trim() == "otlp")) {
        bail!(
            "traces go to a collector or nowhere, not to {exporter}: set OTEL_TRACES_EXPORTER to otlp or none"
        );
    }
    let protocol = set(args.otlp_traces_protocol).or(set(args.otlp_protocol));
    if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
        bail!(
            "traces are sent by http/protobuf, not by {protocol}: set OTEL_EXPORTER_OTLP_PROTOCOL to it, and the endpoint to \
             the collector's port for HTTP, usually 4318"
        );
    }
    Ok(Some(TracesSettings {
        endpoint: collector(&endpoint)?,
        service_name: set(args.service_name)
            .or(set(file.service_name))
            .unwrap_or_else(|| "groundswell".to_owned()),
        sampler: sampler(
            set(args.traces_sampler).or(set(file.sampler)).as_deref(),
            set(args.traces_sampler_arg).or(set(file.sampler_arg)).as_deref(),
        )?,
    }))
}

fn set(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty())
}

/// There may be a password in it, so it is in no error.
fn collector(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).context("the endpoint for traces is no URL; http://localhost:4318 is one")?;
    if !["http", "https"].contains(&url.scheme()) {
        bail!(
            "traces go to a URL that begins with http:// or https://, and this one begins with {}:",
            url.scheme()
        );
    }
    Ok(url)
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
    /// For people, in the words of the file. A user, a password and what is asked for in the endpoint are nobody's
    /// business: some collectors take their key there.
    pub fn shown(&self, mask: &str) -> Value {
        let mut endpoint = self.endpoint.clone();
        // It has a host, so it can have both.
        if !endpoint.username().is_empty() {
            let _ = endpoint.set_username(mask);
        }
        if endpoint.password().is_some() {
            let _ = endpoint.set_password(Some(mask));
        }
        if endpoint.query().is_some() {
            endpoint.set_query(Some(mask));
        }
        let SamplerSettings { is_parent_based, ratio } = self.sampler;
        let sampler = if is_parent_based { "parentbased_traceidratio" } else { "traceidratio" };
        // The file has the collector's address; what has another path came from the variable for the whole.
        let base = endpoint.as_str().strip_suffix(PATH);
        let (name, address) =
            base.map_or(("otlp_traces_endpoint", endpoint.as_str()), |base| ("otlp_endpoint", base));
        json!({
            name: address, "service_name": self.service_name,
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
        assert_eq!(usual.shown("***")["otlp_endpoint"], "http://localhost:4318");
        let whole = with(|args| args.otlp_traces_endpoint = Some("https://a.example/t".to_owned()));
        assert_eq!(whole.expect("good").expect("on").endpoint.as_str(), "https://a.example/t");
        assert_eq!(settings(TracesArgs::default(), TracesSection::default()).expect("good"), None);
        let for_traces = with(|args| {
            args.otlp_protocol = Some("grpc".to_owned());
            args.otlp_traces_protocol = Some("http/protobuf".to_owned());
        });
        assert!(for_traces.expect("the one for traces counts").is_some());
    }

    #[test]
    fn they_are_switched_off_as_everywhere_and_what_is_empty_is_not_set() {
        for (value, is_on) in
            [("true", false), ("True", false), ("TRUE", false), ("false", true), ("1", true), ("", true)]
        {
            let found = with(|args| args.otel_sdk_disabled = Some(value.to_owned())).expect("good");
            assert_eq!(found.is_some(), is_on, "OTEL_SDK_DISABLED={value}");
        }
        for (value, is_on) in [("none", false), ("otlp", true), ("console,otlp", true), ("", true)] {
            let found = with(|args| args.traces_exporter = Some(value.to_owned())).expect("good");
            assert_eq!(found.is_some(), is_on, "OTEL_TRACES_EXPORTER={value}");
        }
        let empty = || Some(String::new());
        let usual = with(|_| ()).expect("good");
        let found = with(|args| {
            args.otlp_traces_endpoint = empty();
            args.otlp_protocol = empty();
            args.otlp_traces_protocol = empty();
            args.service_name = empty();
            args.traces_sampler = empty();
            args.traces_sampler_arg = empty();
        });
        assert_eq!(found.expect("good"), usual);
        assert_eq!(with(|args| args.otlp_endpoint = empty()).expect("good"), None);
    }

    #[test]
    fn no_error_has_a_password() {
        for endpoint in ["http://me:s3cret@", "ftp://me:s3cret@collector", "me:s3cret@collector:4318"] {
            let error = with(|args| args.otlp_endpoint = Some(endpoint.to_owned())).expect_err("refused");
            assert!(!format!("{error:#} {error:?}").contains("s3cret"), "{error:#}");
        }
    }

    #[test]
    fn nothing_secret_of_an_endpoint_is_shown() {
        for endpoint in [
            "http://t0ken@collector/v1/traces",
            "http://me:t0ken@collector/v1/traces",
            "http://:t0ken@collector/v1/traces",
            "http://collector/v1/traces?api-key=t0ken",
            "http://collector/v1/traces?t0ken",
        ] {
            let args = |args: &mut TracesArgs| args.otlp_traces_endpoint = Some(endpoint.to_owned());
            let shown = with(args).expect("good").expect("on").shown("***").to_string();
            assert!(!shown.contains("t0ken") && shown.contains("collector"), "{shown}");
        }
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
            (
                TracesArgs {
                    traces_exporter: Some("zipkin".to_owned()),
                    ..of(collector, protocol, "always_on")
                },
                "OTEL_TRACES_EXPORTER",
            ),
            (of(collector, protocol, "traceidratio"), "from 0 to 1"),
        ] {
            let error = settings(args, TracesSection::default()).expect_err("refused").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
