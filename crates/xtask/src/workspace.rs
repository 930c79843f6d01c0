//! Where things are: the repository, the target directory, and what the workspace's own metadata says
//! about the site. Both come from `cargo metadata`, so that a target directory set in the environment
//! or in a Cargo configuration is honoured, and no name is written down twice.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// How the server and the site are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to compile; hydration errors are readable.
    Debug,
    /// What people deploy and measure.
    Release,
}

impl Profile {
    /// The directory under the target directory that Cargo uses for this profile.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }

    /// The Cargo profile of the browser half that goes with this one.
    pub fn wasm_profile(self) -> &'static str {
        match self {
            Self::Debug => "wasm-dev",
            Self::Release => "wasm-release",
        }
    }
}

/// What `[[workspace.metadata.leptos]]` says; cargo-leptos reads the same keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SiteSettings {
    /// The package of the server binary.
    pub bin_package: String,
    /// The package of the browser half.
    pub lib_package: String,
    /// The name that the generated JavaScript, wasm and CSS files start with.
    pub output_name: String,
    /// Only its last component is used here: the site lives beside the server's executable.
    pub site_root: PathBuf,
    /// The directory inside the site for the generated files.
    pub site_pkg_dir: String,
    /// The style sheet that imports all others, relative to the repository.
    pub style_file: PathBuf,
    /// Files that are copied as they are, relative to the repository.
    pub assets_dir: PathBuf,
}

/// The repository that this program was started in.
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// How the site is put together.
    pub site: SiteSettings,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    #[serde(rename = "metadata")]
    custom: CustomMetadata,
}

#[derive(Deserialize)]
struct CustomMetadata {
    leptos: Vec<SiteSettings>,
}

impl Workspace {
    /// Asks Cargo about the workspace of the current directory.
    pub fn locate() -> Result<Self> {
        let mut cargo = process::command(process::cargo());
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = process::capture(&mut cargo)?;
        let metadata: Metadata = serde_json::from_str(&text)
            .context("the workspace's Cargo.toml lacks a key of [[workspace.metadata.leptos]]")?;
        let site = metadata.custom.leptos.into_iter().next();
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            site: site.context("Cargo.toml has no [[workspace.metadata.leptos]]")?,
        })
    }

    /// Cargo of the toolchain this program was built with, started in the repository.
    pub fn cargo(&self) -> Command {
        let mut cargo = process::command(process::cargo());
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// Selects all packages that are compiled for the machine itself, except this program. Build, test and lint
    /// select the same ones, so that Cargo settles on the same features and compiles each dependency once; and
    /// this program apart, so that its dependencies keep the features that `cargo xtask` built them with.
    pub fn product(&self) -> [&str; 5] {
        ["--workspace", "--exclude", &self.site.lib_package, "--exclude", "xtask"]
    }

    /// What this program remembers and caches.
    pub fn cache(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The Node package of the browser tests, which the build takes its tools from as well.
    pub fn node_package(&self) -> PathBuf {
        self.root.join("end2end")
    }

    /// The examples of the documentation.
    pub fn examples(&self) -> PathBuf {
        self.root.join("examples")
    }

    /// What the server is installed with.
    pub fn deploy(&self) -> PathBuf {
        self.root.join("deploy")
    }

    /// The server's executable.
    pub fn server(&self, profile: Profile) -> PathBuf {
        self.target.join(profile.directory()).join(&self.site.output_name)
    }

    /// The site that the server serves.
    pub fn site_directory(&self, profile: Profile) -> PathBuf {
        let name = self.site.site_root.file_name().unwrap_or("site".as_ref());
        self.target.join(profile.directory()).join(name)
    }

    /// A path as a person in the repository's root would write it.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
