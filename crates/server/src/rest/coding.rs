//! How request bodies are compressed: gzip (RFC 1952) and zstd (RFC 8878).

use std::fmt;
use std::io::{self, Read};

use groundswell_types::ErrorCode;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::answer::Failed;

/// What is accepted, as the answer to anything else says it (RFC 9110, section 15.5.16).
pub const ACCEPTED: &str = "gzip, zstd";

/// The largest window that zstd may ask memory for: 8 MiB, the most that RFC 8878 recommends decoders to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Zstd,
}

impl fmt::Display for Coding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl Coding {
    /// The one that a request's headers name; `None` is not compressed. Only one is accepted: two are what nobody does but
    /// to have a body that explodes twice.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Failed> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let name = value.to_str().unwrap_or_default().trim().to_ascii_lowercase();
        match (name.as_str(), values.next()) {
            ("gzip" | "x-gzip", None) => Ok(Some(Self::Gzip)),
            ("zstd", None) => Ok(Some(Self::Zstd)),
            ("identity" | "", None) => Ok(None),
            _ => {
                let message = "The body has a Content-Encoding that is not read here. Send it as it is, or as gzip or zstd.";
                Err(Failed::new(ErrorCode::UnsupportedMediaType, message))
            }
        }
    }

    /// Decompresses step by step, in bounded memory.
    pub fn reader(self, compressed: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Self::Gzip => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(compressed))),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(Box::new(decoder))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn coding(values: &[&'static str]) -> Result<Option<Coding>, ErrorCode> {
        let headers = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
        Coding::of(&headers.collect()).map_err(|failed| failed.code)
    }

    #[test]
    fn one_compression_is_read_and_anything_else_refused() {
        assert_eq!(coding(&[]), Ok(None));
        assert_eq!(coding(&["identity"]), Ok(None));
        assert_eq!(coding(&["GZip"]), Ok(Some(Coding::Gzip)));
        assert_eq!(coding(&["zstd"]), Ok(Some(Coding::Zstd)));
        for refused in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["deflate"]] {
            assert_eq!(coding(refused), Err(ErrorCode::UnsupportedMediaType), "{refused:?}");
        }
    }
}
