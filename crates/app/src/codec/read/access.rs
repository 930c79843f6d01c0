//! What stands in lists, objects and variants, one after another.

use serde::de::value::U64Deserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Names, Reader, Unreadable};

pub(super) struct Elements<'a, 'text> {
    pub(super) reader: &'a mut Reader<'text>,
    pub(super) first: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        if !self.reader.next(&mut self.first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of a map, by name.
pub(super) struct Members<'a, 'text> {
    pub(super) reader: &'a mut Reader<'text>,
    pub(super) first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        if !self.reader.next(&mut self.first, b'}')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// The members of a struct, by their place among `names`. A newer server may send others.
pub(super) struct Fields<'a, 'text> {
    pub(super) reader: &'a mut Reader<'text>,
    pub(super) first: bool,
    pub(super) names: Names,
}

impl Fields<'_, '_> {
    fn next_place(&mut self) -> Result<Option<u64>, Unreadable> {
        while self.reader.next(&mut self.first, b'}')? {
            let place = self.reader.name(self.names)?;
            self.reader.expect(b':')?;
            if place.is_some() {
                return Ok(place);
            }
            self.reader.skip()?;
        }
        Ok(None)
    }
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some(place) = self.next_place()? else { return Ok(None) };
        seed.deserialize(U64Deserializer::new(place)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant, by its place among the names. What it has stands behind its name, unless it has nothing.
pub(super) struct Variant<'a, 'text> {
    pub(super) reader: &'a mut Reader<'text>,
    pub(super) place: u64,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unreadable> {
        Ok((seed.deserialize(U64Deserializer::new(self.place))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, names: Names, visitor: V) -> Result<V::Value, Unreadable> {
        self.reader.deserialize_struct("", names, visitor)
    }
}
