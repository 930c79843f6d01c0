//! The built browser half: read once from `site/` beside the executable, served from memory.
//!
//! Beside, not embedded: the server builds and tests without the wasm toolchain, and both halves build in parallel.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use groundswell_app::{Language, SiteAssets};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::headers::PICTURE;
use crate::negotiation;

/// All files of the site.
#[derive(Clone)]
pub struct Site {
    pub assets: SiteAssets,
    files: Arc<HashMap<String, File>>,
}

struct File {
    content_type: HeaderValue,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    /// Its name has a hash of its content, so it never changes.
    is_immutable: bool,
}

#[derive(Deserialize)]
struct Manifest {
    js: String,
    wasm: String,
    css: String,
    texts: [String; Language::ALL.len()],
    files: Vec<ManifestFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestFile {
    path: String,
    content_type: String,
}

impl Site {
    /// Reads the site; `None` when there is none beside the executable.
    pub fn load() -> anyhow::Result<Option<Self>> {
        let executable = std::env::current_exe().context("cannot tell where the executable is")?;
        let directory = executable.parent().unwrap_or(Path::new(".")).join("site");
        if !directory.join("manifest.json").exists() {
            return Ok(None);
        }
        Self::read(&directory)
            .map(Some)
            .with_context(|| format!("the site in {} is damaged", directory.display()))
    }

    fn read(directory: &Path) -> anyhow::Result<Self> {
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(directory.join("manifest.json"))?)?;
        let mut files = HashMap::new();
        for entry in &manifest.files {
            let path = directory.join(entry.path.trim_start_matches('/'));
            let with = |ending: &str| {
                let mut name = path.clone().into_os_string();
                name.push(ending);
                std::fs::read(name).ok().map(Bytes::from)
            };
            let file = File {
                content_type: HeaderValue::try_from(&entry.content_type)?,
                plain: std::fs::read(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?
                    .into(),
                brotli: with(".br"),
                gzip: with(".gz"),
                is_immutable: entry.path.starts_with("/pkg/"),
            };
            files.insert(entry.path.clone(), file);
        }
        let assets =
            SiteAssets { js: manifest.js, wasm: manifest.wasm, css: manifest.css, texts: manifest.texts };
        Ok(Self { assets, files: Arc::new(files) })
    }

    /// The file at a request's path, in the best encoding the browser takes.
    pub fn file(&self, path: &str, request: &HeaderMap) -> Option<Response> {
        const IMMUTABLE: &str = "public, max-age=31536000, immutable";
        let file = self.files.get(path)?;
        let (encoding, bytes) = match (&file.brotli, &file.gzip) {
            (Some(brotli), _) if negotiation::takes(request, "br") => (Some("br"), brotli),
            (_, Some(gzip)) if negotiation::takes(request, "gzip") => (Some("gzip"), gzip),
            _ => (None, &file.plain),
        };
        let mut response = (StatusCode::OK, Body::from(bytes.clone())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, file.content_type.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        let caching = if file.is_immutable { IMMUTABLE } else { "public, max-age=3600" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        if file.content_type == "image/svg+xml" {
            headers.insert(CONTENT_SECURITY_POLICY, PICTURE);
        }
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Some(response)
    }
}
