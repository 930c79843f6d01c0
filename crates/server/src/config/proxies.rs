//! Settings of other programs that this one does not heed, for whoever wonders why.

/// As curl and most others have them.
const NAMES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name a proxy for everything. What they say is not read: there may be a password in it.
#[expect(clippy::disallowed_methods, reason = "they are no settings of ours, so no argument stands for them")]
pub fn proxies() -> Vec<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    NAMES.into_iter().filter(is_set).collect()
}
