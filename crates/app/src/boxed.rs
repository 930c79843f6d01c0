//! What Leptos is given in boxes: functions, lists, what is there at times and what is awaited. It compiles what it does with
//! such a thing anew for each type, several hundred bytes at a time; with boxes it does it once for all that return the same.

mod awaited;
mod rows;
mod when;

use leptos::prelude::*;

pub use self::awaited::{Meanwhile, awaited};
pub use self::rows::rows;
pub use self::when::When;

type Value<T> = dyn Fn(Option<&T>) -> T + Send + Sync;

/// A value that is computed anew when what it is made of changes.
pub fn memo<T: PartialEq + Send + Sync + 'static>(
    value: impl Fn(Option<&T>) -> T + Send + Sync + 'static,
) -> Memo<T> {
    let value: Box<Value<T>> = Box::new(value);
    Memo::new(value)
}

/// Something that is done in the browser now, and again whenever what it looks at changes. It gets what it returned before.
pub fn effect<T: 'static>(act: impl FnMut(Option<T>) -> T + 'static) {
    let act: Box<dyn FnMut(Option<T>) -> T> = Box::new(act);
    Effect::new(act);
}

/// A part of the page that is drawn anew when what it is made of changes.
pub fn drawn<V: IntoView + 'static>(
    view: impl Fn() -> V + Send + 'static,
) -> Box<dyn Fn() -> AnyView + Send> {
    Box::new(move || view().into_any())
}

/// An attribute's value that is given anew when what it is made of changes.
pub fn attr<V>(value: impl Fn() -> V + Send + 'static) -> Box<dyn Fn() -> V + Send> {
    Box::new(value)
}

/// What is done when something happens to an element.
pub fn handler<E>(act: impl FnMut(E) + 'static) -> Box<dyn FnMut(E)> {
    Box::new(act)
}
