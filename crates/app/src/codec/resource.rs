//! What a page loads.

use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::server::codee::{Decoder, Encoder};

use super::{JsonCodec, Travels};

type Fetched = Pin<Box<dyn Future<Output = Held> + Send>>;

/// Something that is loaded whenever what it depends on changes. The first value comes along with the page.
pub struct Resource<T> {
    held: leptos::prelude::Resource<Held, HeldCodec>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Resource<T> {}

impl<T: Travels + Clone + Send + Sync + 'static> IntoFuture for Resource<T> {
    type Output = T;
    type IntoFuture = Pin<Box<dyn Future<Output = T> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let held = self.held.into_future();
        Box::pin(async move { held.await.value() })
    }
}

/// What `fetcher` makes of what `source` says, anew whenever that changes. Leptos compiles what it does for a resource anew
/// for each type; all of these are of one.
pub fn resource<T, S, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetcher: impl Fn(S) -> F + Send + Sync + 'static,
) -> Resource<T>
where
    T: Travels + Send + Sync + 'static,
    S: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let source = kept(Box::new(source));
    let changing = source.clone();
    let fetch = move || -> Fetched {
        let answer = fetcher(source.get_untracked());
        Box::pin(async move { Held::of(answer.await) })
    };
    // Read, not tracked alone: it would have changed when it is computed the first time.
    Resource { held: erased(Box::new(move || drop(changing.read())), Box::new(fetch)), of: PhantomData }
}

/// For as long as somebody waits for what depends on it, even when its page has gone.
fn kept<S: PartialEq + Send + Sync + 'static>(source: Box<dyn Fn() -> S + Send + Sync>) -> ArcMemo<S> {
    ArcMemo::new(move |_| source())
}

fn erased(
    read: Box<dyn Fn() + Send + Sync>,
    fetch: Box<dyn Fn() -> Fetched + Send + Sync>,
) -> leptos::prelude::Resource<Held, HeldCodec> {
    // Counts how often what it depends on has changed. Leptos asks for it more often than that.
    let changes = ArcMemo::new(move |before: Option<&u64>| {
        read();
        before.map_or(0, |before| before + 1)
    });
    leptos::prelude::Resource::new_with_options(move || changes.get(), move |_| fetch(), false)
}

/// A value of any type, or what came along with the page of it.
#[derive(Clone)]
enum Held {
    Value(Arc<dyn AnyValue>),
    Text(Arc<str>),
}

impl Held {
    fn of<T: Travels + Send + Sync + 'static>(value: T) -> Self {
        Self::Value(Arc::new(value))
    }

    fn value<T: Travels + Clone + 'static>(&self) -> T {
        let value = match self {
            Self::Value(value) => value.as_any().downcast_ref::<T>().cloned(),
            Self::Text(text) => <JsonCodec as Decoder<T>>::decode(text).ok(),
        };
        value.expect("the value is of its resource's type, and the page of the same release")
    }
}

trait AnyValue: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// For the page.
    #[cfg(feature = "ssr")]
    fn text(&self) -> Result<String, serde_json::Error>;
}

impl<T: Travels + Send + Sync + 'static> AnyValue for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    #[cfg(feature = "ssr")]
    fn text(&self) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        debug_assert!(super::read::<T>(&text).is_ok(), "the browser half cannot read {text}");
        Ok(text)
    }
}

/// Writes what comes along with the page, and leaves it to the reader to read it.
struct HeldCodec;

impl Encoder<Held> for HeldCodec {
    type Error = serde_json::Error;
    type Encoded = String;

    #[cfg(feature = "ssr")]
    fn encode(held: &Held) -> Result<String, Self::Error> {
        match held {
            Held::Value(value) => value.text(),
            Held::Text(text) => Ok(text.to_string()),
        }
    }

    /// Only the server sends pages.
    #[cfg(not(feature = "ssr"))]
    fn encode(_: &Held) -> Result<String, Self::Error> {
        Ok(String::new())
    }
}

impl Decoder<Held> for HeldCodec {
    type Error = std::convert::Infallible;
    type Encoded = str;

    fn decode(text: &str) -> Result<Held, Self::Error> {
        Ok(Held::Text(text.into()))
    }
}
