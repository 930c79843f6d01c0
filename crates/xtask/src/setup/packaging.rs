//! What the files of `deploy/` are tried with: nginx and Caddy, which are unpacked and not installed; Buildah, which builds images
//! without a daemon; and a Debian of its own, in which a systemd can boot and which an image can begin with.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Outcome, packages};
use crate::workspace::Workspace;

/// Debian's packages. None of them has a server that would be started.
const PACKAGES: [&str; 6] =
    ["buildah", "debian-archive-keyring", "mmdebstrap", "openssl", "systemd", "systemd-container"];

const PROXIES: [&str; 2] = ["nginx", "caddy"];

/// What is in the Debian besides what every one has.
const INCLUDED: &str = "--include=systemd,systemd-sysv,ca-certificates,openssl";

/// A slow mirror takes some minutes for 60 MB.
const DEBIAN_LIMIT: Duration = Duration::from_mins(15);

/// The directory with the proxies.
pub fn proxies(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("proxies")
}

/// The archive with the Debian.
pub fn debian(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("debian-12.tar")
}

/// Gets what is missing.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let mut got = packages::install(workspace, &PACKAGES)?.join(" ");
    let (proxies, debian) = (proxies(workspace), debian(workspace));
    if !proxies.join("usr/bin/caddy").is_file() || !proxies.join("usr/sbin/nginx").is_file() {
        packages::unpack(workspace, &PROXIES, &proxies)?;
        got.push_str(" nginx caddy");
    }
    if !debian.is_file() {
        // It gets its name when it is whole.
        let unfinished = debian.with_extension("unfinished.tar");
        let archive = unfinished.to_str().context("the target directory has a name that is no text")?;
        let words = ["mmdebstrap", "--quiet", "--variant=minbase", INCLUDED, "bookworm", archive];
        packages::as_root_within(workspace, &words, DEBIAN_LIMIT)?;
        fs::rename(&unfinished, &debian)?;
        got.push_str(" a Debian to boot");
    }
    Ok(match got.trim() {
        "" => Outcome::Skipped("Buildah, proxies and a Debian to boot are there".to_owned()),
        got => Outcome::Done(format!("got {got}")),
    })
}
