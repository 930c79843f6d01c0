//! How values travel between the server and the browser half: as JSON, which serde_json writes on both sides and the
//! server reads with it. The browser half reads with [`read()`], whose code is a third of what serde_json makes of the
//! same types.

mod read;

use leptos::prelude::SharedValue;
use leptos::server::codee::{Decoder, Encoder};
use leptos::server_fn::codec::Post;
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use read::read;

/// JSON in the body of a `POST` request, and in its answer.
pub type Json = Post<JsonCodec>;

/// A resource whose value comes along with the page.
pub type Resource<T> = leptos::prelude::Resource<T, JsonCodec>;

/// What `fetcher` makes of what `source` says, anew whenever that changes. The first value comes along with the page.
pub fn resource<T, S, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetcher: impl Fn(S) -> F + Send + Sync + 'static,
) -> Resource<T>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    S: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetcher, false)
}

/// A value of the server's that comes along with the page.
pub fn shared<T: Serialize + DeserializeOwned>(value: impl FnOnce() -> T) -> T {
    SharedValue::<T, JsonCodec>::new_with_encoding(value).into_inner()
}

/// Writes and reads JSON.
pub struct JsonCodec;

impl ContentType for JsonCodec {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonCodec {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonCodec {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

#[cfg(feature = "ssr")]
impl<T: DeserializeOwned> Decodes<T> for JsonCodec {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        serde_json::from_slice(&bytes)
    }
}

#[cfg(not(feature = "ssr"))]
impl<T: DeserializeOwned> Decodes<T> for JsonCodec {
    type Error = read::Unreadable;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        read(str::from_utf8(&bytes).map_err(|_| read::Unreadable)?)
    }
}

impl<T: Serialize> Encoder<T> for JsonCodec {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, Self::Error> {
        serde_json::to_string(value)
    }
}

#[cfg(feature = "ssr")]
impl<T: DeserializeOwned> Decoder<T> for JsonCodec {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Self::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(not(feature = "ssr"))]
impl<T: DeserializeOwned> Decoder<T> for JsonCodec {
    type Error = read::Unreadable;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Self::Error> {
        read(text)
    }
}
