//! A file that is made here and that everybody may have, pages of other sites too: with a tag, so that whoever has it need
//! not load it again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::negotiation;

/// See the module.
#[derive(Debug, Clone)]
pub struct PublicFile {
    content_type: HeaderValue,
    bytes: Bytes,
    tag: HeaderValue,
}

impl PublicFile {
    /// A file with this content.
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let bytes = content.into();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        Self {
            content_type: HeaderValue::from_static(content_type),
            bytes,
            tag: HeaderValue::try_from(tag)
                .expect("hexadecimal digits and quotation marks are a header's value"),
        }
    }

    /// The file, or that the asker has it; `cache_control` says how long it may be kept.
    pub fn answer(&self, request: &HeaderMap, cache_control: &'static str) -> Response {
        let mut response = if negotiation::has(request, self.tag.as_bytes()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type.clone())], self.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag"));
        response
    }
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;
    use proptest::prelude::*;

    use super::*;

    /// The status that comes of one header, if it is one.
    fn status(file: &PublicFile, known: &[u8]) -> Option<StatusCode> {
        let known = HeaderValue::from_bytes(known).ok()?;
        Some(file.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, known)]), "no-cache").status())
    }

    proptest! {
        #[test]
        fn only_who_says_the_tag_is_taken_to_have_the_file(
            (before, after) in (any::<Vec<u8>>(), "[ -~]{0,20}"),
            content in any::<Vec<u8>>(),
        ) {
            let file = PublicFile::new("text/plain", content.clone());
            let tag = file.tag.to_str().expect("it is of visible characters");
            let said = String::from_utf8_lossy(&before);
            let may_have = said.contains(tag) || said.contains('*');
            prop_assert!(status(&file, &before).is_none_or(|status| may_have || status == StatusCode::OK));
            for list in [format!("{tag}, {after}"), format!("{after},W/{tag}"), "*".to_owned()] {
                prop_assert_eq!(status(&file, list.as_bytes()), Some(StatusCode::NOT_MODIFIED));
            }
            let other = PublicFile::new("text/plain", [&content[..], b"x"].concat());
            prop_assert_eq!(status(&other, file.tag.as_bytes()), Some(StatusCode::OK));
        }
    }
}
