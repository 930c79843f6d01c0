//! The keys that the TOML file may have, read off the structures that it is read into: a reader that has nothing to give
//! asks them for their fields.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The keys, with dots between tables and what is in them, in the order of the fields.
pub(super) fn of<File: for<'de> Deserialize<'de>>() -> Vec<String> {
    let mut keys = Vec::new();
    let read = File::deserialize(Asked { path: String::new(), keys: &mut keys });
    read.map(|_| keys).expect("every setting may be left out of the file")
}

/// What stands at a path of the file: nothing.
struct Asked<'a> {
    path: String,
    keys: &'a mut Vec<String>,
}

/// The fields of a table, one after the other.
struct Fields<'a> {
    path: String,
    rest: std::slice::Iter<'static, &'static str>,
    current: &'static str,
    keys: &'a mut Vec<String>,
}

#[derive(Debug)]
struct Unexpected(String);

impl fmt::Display for Unexpected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unexpected {}

impl de::Error for Unexpected {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Unexpected;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unexpected> {
        let fields = Fields { path: self.path, rest: fields.iter(), current: "", keys: self.keys };
        MapAccessDeserializer::new(fields).deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        self.keys.push(self.path);
        visitor.visit_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unexpected> {
        self.keys.push(self.path);
        SeqDeserializer::<std::iter::Empty<()>, _>::new(std::iter::empty()).deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Unexpected> {
        Err(Unexpected(format!("`{}` cannot be left out", self.path)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Unexpected;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unexpected> {
        let Some(name) = self.rest.next() else { return Ok(None) };
        self.current = name;
        seed.deserialize(de::value::StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unexpected> {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}", self.path, self.current);
        seed.deserialize(Asked { path, keys: self.keys })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Whole {
        first: Option<u8>,
        table: Table,
        last: Vec<String>,
    }

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Table {
        inside: Option<String>,
    }

    #[test]
    fn every_field_is_a_key_wherever_it_is() {
        assert_eq!(of::<Whole>(), ["first", "table.inside", "last"]);
    }
}
