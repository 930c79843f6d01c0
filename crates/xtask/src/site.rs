//! The site: everything the server sends to browsers as it is. It lies beside the server's executable, so
//! that the two travel together, and `manifest.json` in it tells the server all there is to serve:
//!
//! ```json
//! { "js": "/pkg/groundswell.<hash>.js", "wasm": "/pkg/groundswell.<hash>.wasm",
//!   "css": "/pkg/groundswell.<hash>.css", "texts": ["/pkg/groundswell.<hash>.en.txt", …],
//!   "files": [{ "path": "/pkg/groundswell.<hash>.js", "contentType": "text/javascript; charset=utf-8",
//!               "hash": "<hash>", "immutable": true, "bytes": 61030, "br": 9120, "gz": 10442 }] }
//! ```
//!
//! `texts` are what the browser half says, a file for each language in the order of the catalogue's; a page loads its own.
//! `path` is both the URL's path and the file's below the site. `br` and `gz` are the sizes of the variants
//! `<path>.br` and `<path>.gz`, null where one would not be smaller. A file whose name carries a hash of its
//! contents is `immutable`; the others keep their names and have `hash` as their entity tag.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use groundswell_catalogue::{Catalogue, LANGUAGES};
use serde::Serialize;

use crate::process;
use crate::stamps::{Stamp, content_hash, files_below, fingerprint};
use crate::wasm;
use crate::workspace::{Profile, Workspace};

#[derive(Serialize)]
struct Manifest {
    js: String,
    wasm: String,
    css: String,
    texts: Vec<String>,
    files: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    path: String,
    content_type: &'static str,
    hash: String,
    immutable: bool,
    bytes: u64,
    br: Option<u64>,
    gz: Option<u64>,
}

/// Builds the browser half and puts the site together, as far as anything changed.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<()> {
    let began = Instant::now();
    let package = wasm::build(workspace, profile)?;
    let site = workspace.site_directory(profile);
    let stamp = Stamp::of(workspace, &format!("site-{}", profile.directory()));
    let inputs = fingerprint(&inputs(workspace, &package)?)?;
    let place = workspace.relative(&site).display();
    if site.join("manifest.json").is_file() && stamp.read::<String>().is_some_and(|done| done == inputs) {
        println!("build: site is up to date, {place}");
        return Ok(());
    }
    stamp.forget();
    // Put together beside the old one, then exchanged, so that a server that starts meanwhile never finds half a site.
    let next = site.with_extension("next");
    if next.exists() {
        fs::remove_dir_all(&next)?;
    }
    let draft = Draft { workspace, profile, previous: &site, directory: next.clone() };
    let sizes = draft.assemble(&package)?;
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    fs::rename(&next, &site)?;
    stamp.write(&inputs)?;
    println!("build: site is {place} ({sizes}; {})", process::seconds(began.elapsed()));
    Ok(())
}

fn inputs(workspace: &Workspace, package: &wasm::Package) -> Result<Vec<PathBuf>> {
    let style = workspace.root.join(&workspace.site.style_file);
    let mut files = files_below(&package.directory)?;
    files.extend(files_below(style.parent().context("the style file lies in a directory")?)?);
    files.extend(files_below(&workspace.root.join(&workspace.site.assets_dir))?);
    files.extend(files_below(&catalogue(workspace))?);
    files.push(script(workspace));
    files.push(workspace.node_package().join("package-lock.json"));
    files.push(std::env::current_exe()?);
    Ok(files)
}

fn catalogue(workspace: &Workspace) -> PathBuf {
    workspace.root.join("catalogue")
}

fn script(workspace: &Workspace) -> PathBuf {
    workspace.root.join("crates/xtask/assets.mjs")
}

/// A site in the making.
struct Draft<'a> {
    workspace: &'a Workspace,
    profile: Profile,
    /// The site of the last build: what did not change since is not compressed again.
    previous: &'a Path,
    directory: PathBuf,
}

impl Draft<'_> {
    /// Fills the directory and returns a sentence about the sizes.
    fn assemble(&self, package: &wasm::Package) -> Result<String> {
        let settings = &self.workspace.site;
        let generated = self.directory.join(&settings.site_pkg_dir);
        fs::create_dir_all(&generated)?;
        copy(&self.workspace.root.join(&settings.assets_dir), &self.directory)?;
        // JavaScript that crates brought along; wasm-bindgen imports it by relative path, and the path has a hash.
        copy(&package.directory.join("snippets"), &generated.join("snippets"))?;
        let name = &settings.output_name;
        let wasm_contents = fs::read(package.directory.join(format!("{name}_bg.wasm")))?;
        let wasm = self.add_hashed(&wasm_contents, "wasm")?;
        let javascript = fs::read_to_string(package.directory.join(format!("{name}.js")))?;
        // The shell passes the wasm file's URL; a caller that passes none gets the same file.
        let file_name = wasm.rsplit('/').next().unwrap_or(&wasm);
        let javascript = javascript.replace(&format!("{name}_bg.wasm"), file_name);
        let js = self.add_hashed(javascript.as_bytes(), "js")?;
        let css = self.add_hashed(&self.bundle_css()?, "css")?;
        let texts = self.add_texts()?;
        self.compress()?;
        let hashed = [&js, &wasm, &css].into_iter().chain(&texts).collect::<Vec<_>>();
        let mut files = Vec::new();
        for file in files_below(&self.directory)? {
            if !is_variant(&file) {
                files.push(self.entry(&file, &hashed)?);
            }
        }
        let transferred = |path: &String| {
            let entry = files.iter().find(|entry| entry.path == *path);
            entry.map_or(0, |entry| entry.br.unwrap_or(entry.bytes)).div_ceil(1024)
        };
        let sizes = format!(
            "in brotli wasm {} KiB, texts {} KiB, JavaScript {} KiB, CSS {} KiB",
            transferred(&wasm),
            texts.iter().map(transferred).max().unwrap_or_default(),
            transferred(&js),
            transferred(&css)
        );
        let manifest = serde_json::to_vec_pretty(&Manifest { js, wasm, css, texts, files })?;
        fs::write(self.directory.join("manifest.json"), manifest)?;
        Ok(sizes)
    }

    /// Writes `<output-name>.<hash>.<extension>` among the generated files and returns its URL's path.
    fn add_hashed(&self, contents: &[u8], extension: &str) -> Result<String> {
        let settings = &self.workspace.site;
        let hash = content_hash(contents);
        let path = format!("{}/{}.{hash}.{extension}", settings.site_pkg_dir, settings.output_name);
        fs::write(self.directory.join(&path), contents)?;
        Ok(format!("/{path}"))
    }

    /// What the browser half says, a file for each language.
    fn add_texts(&self) -> Result<Vec<String>> {
        let catalogue = Catalogue::read(&catalogue(self.workspace))?;
        let add = |(index, language)| {
            self.add_hashed(catalogue.of_browser(index).as_bytes(), &format!("{language}.txt"))
        };
        LANGUAGES.iter().enumerate().map(add).collect()
    }

    fn bundle_css(&self) -> Result<Vec<u8>> {
        let output = self.workspace.cache().join("bundle.css");
        let mut node = process::command("node");
        node.arg(script(self.workspace)).arg("css").arg(self.workspace.node_package());
        node.arg(self.workspace.root.join(&self.workspace.site.style_file)).arg(&output);
        process::stream(&mut node).context("the style sheets cannot be bundled")?;
        Ok(fs::read(&output)?)
    }

    /// Writes the `.br` and `.gz` variants. Debug builds have them too, so that tests see what users get.
    fn compress(&self) -> Result<()> {
        let (brotli, gzip) = if self.profile == Profile::Release { ("11", "9") } else { ("3", "3") };
        let mut node = process::command("node");
        node.arg(script(self.workspace)).args(["compress", brotli, gzip]);
        let mut any = false;
        for file in files_below(&self.directory)? {
            if is_compressible(&file) && !self.take_over_variants(&file)? {
                node.arg(&file);
                any = true;
            }
        }
        if any { process::stream(&mut node).context("the site cannot be compressed") } else { Ok(()) }
    }

    /// Compressing the wasm file takes seconds, and often only a style sheet changed.
    fn take_over_variants(&self, file: &Path) -> Result<bool> {
        let before = self.previous.join(file.strip_prefix(&self.directory)?);
        if fs::read(&before).ok() != Some(fs::read(file)?) {
            return Ok(false);
        }
        for extension in ["br", "gz"] {
            let variant = variant(&before, extension);
            if variant.is_file() {
                fs::copy(&variant, self::variant(file, extension))?;
            }
        }
        Ok(true)
    }

    fn entry(&self, file: &Path, hashed: &[&String]) -> Result<Entry> {
        let path = format!("/{}", file.strip_prefix(&self.directory)?.display());
        let contents = fs::read(file)?;
        let size = |extension| fs::metadata(variant(file, extension)).ok().map(|metadata| metadata.len());
        Ok(Entry {
            content_type: content_type(file),
            hash: content_hash(&contents),
            immutable: hashed.contains(&&path),
            bytes: contents.len() as u64,
            br: size("br"),
            gz: size("gz"),
            path,
        })
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let target = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::copy(&file, &target).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

fn variant(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn is_variant(file: &Path) -> bool {
    matches!(extension(file), "br" | "gz")
}

fn is_compressible(file: &Path) -> bool {
    matches!(extension(file), "js" | "wasm" | "css" | "svg" | "ico" | "txt" | "json" | "html" | "webmanifest")
}

fn content_type(file: &Path) -> &'static str {
    match extension(file) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
