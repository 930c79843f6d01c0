//! What the server answers with: bytes with their type, their entity tag, and compressed.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// A page, a text or a picture, ready to be sent.
#[derive(Debug, Clone)]
pub struct Document {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// As it is.
    pub plain: Bytes,
    /// Compressed with gzip; none where that saves nothing.
    pub gzip: Option<Bytes>,
    /// A strong entity tag of the plain bytes, in its quotation marks.
    pub etag: String,
}

impl Document {
    /// A page.
    pub fn html(text: String) -> Self {
        Self::text("text/html; charset=utf-8", text)
    }

    /// A page as it was written, for programs that read.
    pub(crate) fn markdown(text: String) -> Self {
        Self::text("text/markdown; charset=utf-8", text)
    }

    /// Text that is neither.
    pub(crate) fn plain_text(text: String) -> Self {
        Self::text("text/plain; charset=utf-8", text)
    }

    /// A picture, which is compressed already.
    pub(crate) fn png(bytes: &'static [u8]) -> Self {
        let etag = etag(bytes);
        Self { content_type: "image/png", plain: Bytes::from_static(bytes), gzip: None, etag }
    }

    fn text(content_type: &'static str, text: String) -> Self {
        let plain = Bytes::from(text);
        let gzip = compressed(&plain).filter(|gzip| gzip.len() < plain.len());
        Self { content_type, etag: etag(&plain), plain, gzip }
    }
}

/// The first 16 bytes of the hash tell any two versions of a page apart.
fn etag(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(bytes)[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn compressed(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
