//! The payloads of the events, typed.
//!
//! Each struct has a table of the same fields beside it ([`crate::schema`]), both written by one macro. Only what an
//! event is about is required, by its id; every other known member may be absent. Members this version does not
//! know are kept in `extra`, in the order they came. The source of names and types is the product's webhook
//! documentation, as collected in its compatibility reference, section 3.

mod affiliate;
mod enums;
mod events;
mod operations;
mod referral;

pub use affiliate::*;
pub use enums::*;
pub use events::*;
pub use operations::*;
pub use referral::*;

/// Defines payload structs, each with its schema table:
///
/// ```text
/// /// What it is.
/// Name, TABLE {
///     /// What the member means.
///     field: Type = "key", Kind::…, required;      // must be there
///     field: Type = "key", Kind::…, expected;      // Option<Type>; null is refused
///     field: Type = "key", Kind::…, nullable;      // Option<Type>; null means none
/// }
/// ```
macro_rules! payload {
    ($(#[doc = $about:literal])+ $name:ident, $table:ident { $($body:tt)* }) => {
        payload! { @ [$($about)+] $name $table {} {} $($body)* }
    };
    (@ $about:tt $name:ident $table:ident { $($fields:tt)* } { $($rows:tt)* }
        $(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, $kind:expr, required; $($rest:tt)*) => {
        payload! { @ $about $name $table
            { $($fields)* $(#[doc = $doc])+ #[serde(rename = $key)] pub $field: $type, }
            { $($rows)* ($key, concat!($($doc),+), $kind, Required) }
            $($rest)* }
    };
    (@ $about:tt $name:ident $table:ident { $($fields:tt)* } { $($rows:tt)* }
        $(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, $kind:expr, expected; $($rest:tt)*) => {
        payload! { @ $about $name $table
            { $($fields)* $(#[doc = $doc])+
              #[serde(rename = $key, default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>, }
            { $($rows)* ($key, concat!($($doc),+), $kind, Expected) }
            $($rest)* }
    };
    (@ $about:tt $name:ident $table:ident { $($fields:tt)* } { $($rows:tt)* }
        $(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, $kind:expr, nullable; $($rest:tt)*) => {
        payload! { @ $about $name $table
            { $($fields)* $(#[doc = $doc])+
              #[serde(rename = $key, default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>, }
            { $($rows)* ($key, concat!($($doc),+), $kind, Nullable) }
            $($rest)* }
    };
    (@ [$($about:literal)+] $name:ident $table:ident { $($fields:tt)* }
        { $(($key:literal, $doc:expr, $kind:expr, $presence:ident))* }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($fields)*
            /// Members this version does not know, in the order they came.
            #[serde(flatten)]
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        #[doc = concat!("The members of [`", stringify!($name), "`].")]
        pub static $table: crate::schema::Schema = crate::schema::Schema {
            name: stringify!($name),
            doc: concat!($($about),+),
            fields: &[$(crate::schema::Field {
                name: $key,
                doc: $doc,
                kind: $kind,
                presence: crate::schema::Presence::$presence,
            }),*],
        };

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $table.json_schema(generator)
            }
        }
    };
}

pub(crate) use payload;
