//! What a flag or a variable says of a setting that is more than text. It is read when the settings are loaded and not by
//! clap, so that a mistake in it is told as all others in the settings are: by every command, with what would be right.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::net::SocketAddr;

use clap::builder::{PossibleValue, TypedValueParser, ValueParserFactory};
use clap::{Arg, Command, ValueEnum};

use super::LogFormat;

/// The value, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Given<T>(Result<T, String>);

/// What settings can be.
pub trait Kind: Copy + Send + Sync + 'static {
    /// What goes on after "it must be".
    const WANTED: &'static str;

    /// The value of a text.
    fn read(text: &str) -> Option<Self>;

    /// All there are, where they are few.
    fn all() -> Vec<PossibleValue> {
        Vec::new()
    }
}

/// What the flag or the variable says, before what the file says.
pub fn over<T: Copy>(given: Option<&Given<T>>, file: Option<T>) -> anyhow::Result<Option<T>> {
    match given {
        Some(Given(Ok(value))) => Ok(Some(*value)),
        Some(Given(Err(why))) => Err(anyhow::Error::msg(why.clone())),
        None => Ok(file),
    }
}

/// Takes any text.
#[derive(Debug, Clone)]
pub struct Reader<T>(PhantomData<T>);

impl<T: Kind> ValueParserFactory for Given<T> {
    type Parser = Reader<T>;

    fn value_parser() -> Reader<T> {
        Reader(PhantomData)
    }
}

impl<T: Kind> TypedValueParser for Reader<T> {
    type Value = Given<T>;

    fn parse_ref(&self, _: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Given<T>, clap::Error> {
        let read = value.to_str().and_then(T::read);
        Ok(Given(read.ok_or_else(|| wrong::<T>(arg, &value.to_string_lossy()))))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        let all = T::all();
        if all.is_empty() { None } else { Some(Box::new(all.into_iter())) }
    }
}

fn wrong<T: Kind>(arg: Option<&Arg>, text: &str) -> String {
    let variable = arg.and_then(Arg::get_env).map(OsStr::to_string_lossy);
    let flag = arg.and_then(Arg::get_long).map(|name| format!("--{name}"));
    let names: Vec<String> = variable.map(String::from).into_iter().chain(flag).collect();
    let is_time =
        arg.and_then(Arg::get_value_names).is_some_and(|names| names.iter().any(|name| name == "MS"));
    let unit = if is_time { " of milliseconds without a unit, such as 5000" } else { "" };
    format!("{} is `{text}`; it must be {}{unit}", names.join(" or "), T::WANTED)
}

impl Kind for SocketAddr {
    const WANTED: &'static str = "an address and a port, such as 127.0.0.1:3000 or 0.0.0.0:3000";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for i64 {
    const WANTED: &'static str = "a whole number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for u64 {
    const WANTED: &'static str = "a whole number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for usize {
    const WANTED: &'static str = "a whole number above zero, such as 64";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for f64 {
    const WANTED: &'static str = "a number such as 3 or 1.5";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for bool {
    const WANTED: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn all() -> Vec<PossibleValue> {
        ["true", "false"].map(PossibleValue::new).into()
    }
}

impl Kind for LogFormat {
    const WANTED: &'static str = "human or json";

    fn read(text: &str) -> Option<Self> {
        ValueEnum::from_str(text, false).ok()
    }

    fn all() -> Vec<PossibleValue> {
        Self::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;

    use super::*;

    /// What clap takes a text for, or whether there is a sentence on what is wrong.
    fn read<T: Kind + Debug + PartialEq>(text: &str) -> Option<T> {
        let given = Reader::<T>(PhantomData).parse_ref(&Command::new("x"), None, OsStr::new(text));
        let read = over(Some(&given.expect("it takes any text")), None);
        if let Err(why) = &read {
            assert!(why.to_string().contains(text) && why.to_string().contains(T::WANTED), "{why}");
        }
        read.ok().flatten()
    }

    proptest! {
        #[test]
        fn every_text_is_a_value_or_told_to_be_none(
            text in prop_oneof![any::<String>(), "[-+0-9a-z.:\\[\\]]{0,30}"],
            (number, decimal) in (any::<i64>(), any::<i32>()),
        ) {
            let _ = (read::<SocketAddr>(&text), read::<f64>(&text), read::<LogFormat>(&text));
            prop_assert_eq!(read::<u64>(&text), text.parse().ok());
            prop_assert_eq!(read::<bool>(&text), ["false", "true"].iter().position(|word| *word == text).map(|at| at == 1));
            prop_assert_eq!(read(&number.to_string()), Some(number));
            let decimal = f64::from(decimal) / 8.0;
            prop_assert_eq!(read(&decimal.to_string()), Some(decimal));
        }
    }
}
