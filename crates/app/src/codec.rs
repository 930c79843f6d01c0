//! How values travel between the server and the browser half: as JSON, which serde_json writes on both sides and the
//! server reads with it. The browser half reads with [`read()`], whose code is a tenth of what serde_json makes of the
//! same types.

mod call;
mod read;
mod resource;

use leptos::prelude::SharedValue;
use leptos::server::codee::{Decoder, Encoder};
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::Serialize;
#[cfg(feature = "ssr")]
use serde::de::DeserializeOwned;

pub use call::Call;
pub use read::{Fields, FromFields, FromJson, Value, read};
pub(crate) use read::{read_fields, read_variants};
pub use resource::{Resource, resource};

/// What one half writes and the other reads.
#[cfg(feature = "ssr")]
pub trait Travels: Serialize + DeserializeOwned + FromJson {}

#[cfg(feature = "ssr")]
impl<T: Serialize + DeserializeOwned + FromJson> Travels for T {}

/// What one half writes and the other reads.
#[cfg(not(feature = "ssr"))]
pub trait Travels: Serialize + FromJson {}

#[cfg(not(feature = "ssr"))]
impl<T: Serialize + FromJson> Travels for T {}

/// A value of the server's that comes along with the page.
pub fn shared<T: Travels>(value: impl FnOnce() -> T) -> T {
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
impl<T: FromJson> Decodes<T> for JsonCodec {
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
impl<T: FromJson> Decoder<T> for JsonCodec {
    type Error = read::Unreadable;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Self::Error> {
        read(text)
    }
}
