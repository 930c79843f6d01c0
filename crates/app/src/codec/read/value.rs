//! What a JSON text says, and how types are made of it.

/// What a JSON text says.
#[derive(Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Number(i64),
    /// One that is not whole, or too large.
    OtherNumber,
    Text(String),
    Elements(Vec<Value>),
    Members(Vec<(String, Value)>),
}

impl Value {
    /// The name of a variant and what it has: as serde writes them, a text, or the name of a single member.
    fn variant(self) -> Option<(String, Self)> {
        match self {
            Self::Text(name) => Some((name, Self::Null)),
            Self::Members(mut members) if members.len() == 1 => members.pop(),
            _ => None,
        }
    }

    /// Which of `names` a variant that has nothing is.
    pub fn place(self, names: &[&str]) -> Option<usize> {
        match self.variant()? {
            (name, Self::Null) => names.iter().position(|known| is_name(&name, known)),
            _ => None,
        }
    }

    /// Which of `names` a variant is, and what it has.
    pub fn place_with(self, names: &[&str]) -> Option<(usize, Self)> {
        let (name, value) = self.variant()?;
        Some((names.iter().position(|known| is_name(&name, known))?, value))
    }
}

/// Whether names are the same but for capitals and underscores.
fn is_name(one: &str, other: &str) -> bool {
    let [one, other] = [one, other]
        .map(|name| name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()));
    one.eq(other)
}

/// The members of an object that are not taken yet. A newer server may send others, which are left.
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    pub fn of(value: Value) -> Option<Self> {
        if let Value::Members(members) = value { Some(Self(members)) } else { None }
    }

    fn find(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| is_name(known, name))?;
        Some(self.0.swap_remove(place).1)
    }

    /// The member of that name; what stands for it when there is none, if anything does.
    #[inline(never)]
    pub fn take<T: FromJson>(&mut self, name: &str) -> Option<T> {
        match self.find(name) {
            Some(value) => T::from_json(value),
            None => T::absent(),
        }
    }

    /// The member of that name; its type's default when there is none.
    pub fn take_or_default<T: FromJson + Default>(&mut self, name: &str) -> Option<T> {
        match self.find(name) {
            Some(value) => T::from_json(value),
            None => Some(T::default()),
        }
    }
}

/// What can be made of JSON.
pub trait FromJson: Sized {
    /// `None` when the value is not of that type.
    fn from_json(value: Value) -> Option<Self>;

    /// What a member is that is not there.
    fn absent() -> Option<Self> {
        None
    }
}

impl FromJson for () {
    fn from_json(value: Value) -> Option<Self> {
        matches!(value, Value::Null).then_some(())
    }
}

impl FromJson for bool {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Bool(value) = value { Some(value) } else { None }
    }
}

impl FromJson for i64 {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Number(number) = value { Some(number) } else { None }
    }
}

impl FromJson for usize {
    fn from_json(value: Value) -> Option<Self> {
        i64::from_json(value)?.try_into().ok()
    }
}

impl FromJson for u16 {
    fn from_json(value: Value) -> Option<Self> {
        i64::from_json(value)?.try_into().ok()
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value) -> Option<Self> {
        if matches!(value, Value::Null) { Some(None) } else { T::from_json(value).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Option<Self> {
        let Value::Elements(elements) = value else { return None };
        let mut read = Self::with_capacity(elements.len());
        for element in elements {
            read.push(T::from_json(element)?);
        }
        Some(read)
    }
}

impl<A: FromJson, B: FromJson> FromJson for (A, B) {
    fn from_json(value: Value) -> Option<Self> {
        let Value::Elements(elements) = value else { return None };
        let [one, other] = <[Value; 2]>::try_from(elements).ok()?;
        Some((A::from_json(one)?, B::from_json(other)?))
    }
}

impl<T: FromJson, E: FromJson> FromJson for Result<T, E> {
    fn from_json(value: Value) -> Option<Self> {
        match value.place_with(&["Ok", "Err"])? {
            (0, value) => T::from_json(value).map(Ok),
            (_, error) => E::from_json(error).map(Err),
        }
    }
}

/// What can be made of the members of an object, perhaps of some of them.
pub trait FromFields: Sized {
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// Has a struct read: all its fields, so that none can be forgotten. `or default` goes with serde's `default`, `as` with
/// its `rename`, and `flat` with its `flatten`.
macro_rules! read_fields {
    ($type:ident $(: flat $flat:ident)? { $($field:ident $(as $name:literal)? $(or $default:ident)?),+ $(,)? }) => {
        impl $crate::codec::FromFields for $type {
            fn from_fields(fields: &mut $crate::codec::Fields) -> Option<Self> {
                Some(Self {
                    $($flat: $crate::codec::FromFields::from_fields(fields)?,)?
                    $($field: $crate::codec::read_fields!(@take fields, $field $(as $name)? $(or $default)?),)+
                })
            }
        }

        impl $crate::codec::FromJson for $type {
            fn from_json(value: $crate::codec::Value) -> Option<Self> {
                $crate::codec::FromFields::from_fields(&mut $crate::codec::Fields::of(value)?)
            }
        }
    };
    (@take $fields:ident, $field:ident) => { $fields.take(stringify!($field))? };
    (@take $fields:ident, $field:ident as $name:literal) => { $fields.take($name)? };
    (@take $fields:ident, $field:ident or default) => { $fields.take_or_default(stringify!($field))? };
}

/// Has an enum read whose variants have nothing.
macro_rules! read_words {
    ($type:ident { $($word:ident),+ $(,)? }) => {
        impl $crate::codec::FromJson for $type {
            fn from_json(value: $crate::codec::Value) -> Option<Self> {
                // None of them is forgotten.
                const _: fn($type) = |one| match one { $($type::$word => {})+ };
                const ALL: &[$type] = &[$($type::$word),+];
                ALL.get(value.place(&[$(stringify!($word)),+])?).cloned()
            }
        }
    };
}

/// Has an enum read whose variants have something or nothing.
macro_rules! read_variants {
    ($type:ident { $($variant:ident $(($of:ty))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl $crate::codec::FromJson for $type {
            fn from_json(value: $crate::codec::Value) -> Option<Self> {
                // None of them is forgotten.
                const _: fn($type) = |one| match one { $($type::$variant { .. } => {})+ };
                let (place, value) = value.place_with(&[$(stringify!($variant)),+])?;
                let mut at = 0..;
                $(if at.next() == Some(place) {
                    return $crate::codec::read_variants!(@make $type, value, $variant $(($of))? $({ $($field),+ })?);
                })+
                None
            }
        }
    };
    (@make $type:ident, $value:ident, $variant:ident) => {
        $crate::codec::FromJson::from_json($value).map(|()| $type::$variant)
    };
    (@make $type:ident, $value:ident, $variant:ident ($of:ty)) => {
        $crate::codec::FromJson::from_json($value).map($type::$variant)
    };
    (@make $type:ident, $value:ident, $variant:ident { $($field:ident),+ }) => {{
        let mut fields = $crate::codec::Fields::of($value)?;
        Some($type::$variant { $($field: fields.take(stringify!($field))?),+ })
    }};
}

pub(crate) use {read_fields, read_variants, read_words};
