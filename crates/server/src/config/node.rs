//! This server among others on one database.

use anyhow::bail;
use groundswell_engine::config::EngineConfig;
use serde::Deserialize;
use url::Url;

use super::given::{Given, over};

/// Below this a busy database is taken for a node that is gone.
const SHORTEST_LEASE_MS: i64 = 1_000;

const LONGEST_LEASE_MS: i64 = 600_000;

/// Flags about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct NodeArgs {
    /// Where other servers on the same PostgreSQL reach this one, for example `http://10.0.0.7:3000`. Without it the address
    /// that is listened on, or this machine's name where that is every address.
    #[arg(long, env = "GROUNDSWELL_NODE_ADDRESS", value_name = "URL")]
    node_address: Option<String>,
    /// After so long the others take over what a server has that is not heard of any more, in milliseconds. The same on all.
    #[arg(long, env = "GROUNDSWELL_NODE_LEASE_MS", value_name = "MS")]
    node_lease_ms: Option<Given<i64>>,
}

/// The same in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodeSection {
    address: Option<String>,
    lease_ms: Option<i64>,
}

pub(super) fn lease_ms(args: &NodeArgs, file: &NodeSection) -> anyhow::Result<i64> {
    let lease_ms =
        over(args.node_lease_ms.as_ref(), file.lease_ms)?.unwrap_or(EngineConfig::default().lease_ms);
    if !(SHORTEST_LEASE_MS..=LONGEST_LEASE_MS).contains(&lease_ms) {
        bail!("node.lease_ms: {lease_ms} is not from {SHORTEST_LEASE_MS} to {LONGEST_LEASE_MS}");
    }
    Ok(lease_ms)
}

pub(super) fn address(args: &NodeArgs, file: &NodeSection) -> anyhow::Result<Option<String>> {
    let Some(text) = args.node_address.as_ref().or(file.address.as_ref()) else { return Ok(None) };
    let is_base = |url: &Url| {
        ["http", "https"].contains(&url.scheme())
            && url.path() == "/"
            && url.query().or(url.fragment()).is_none()
            && url.username().is_empty()
    };
    match Url::parse(text).ok().filter(is_base) {
        Some(url) => Ok(Some(url.as_str().trim_end_matches('/').to_owned())),
        None => bail!("node.address: `{text}` is no address such as http://10.0.0.7:3000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Option<String>> {
        address(
            &NodeArgs { node_address: Some(text.to_owned()), ..NodeArgs::default() },
            &NodeSection::default(),
        )
    }

    #[test]
    fn an_address_is_where_a_server_is_and_no_more() {
        for (text, wanted) in [
            ("http://10.0.0.7:3000", "http://10.0.0.7:3000"),
            ("https://node-1.internal/", "https://node-1.internal"),
        ] {
            assert_eq!(read(text).expect("an address").as_deref(), Some(wanted));
        }
        for text in
            ["10.0.0.7:3000", "ftp://10.0.0.7", "http://10.0.0.7/path", "http://user@10.0.0.7", "http://a?b"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn leases_last_a_second_to_ten_minutes() {
        let read = |ms| {
            lease_ms(&NodeArgs::default(), &NodeSection { lease_ms: Some(ms), ..NodeSection::default() })
        };
        for ms in [1_000, 15_000, 600_000] {
            assert_eq!(read(ms).expect("a time"), ms);
        }
        for ms in [-1, 0, 999, 600_001] {
            assert!(read(ms).is_err(), "{ms}");
        }
    }
}
