//! Lists.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use leptos::prelude::*;

type Draw = Box<dyn FnOnce() -> AnyView + Send>;

/// One row: which it is, and how it is drawn should it be new.
struct Row {
    key: Arc<dyn AnyKey>,
    draw: Draw,
}

/// A row for each of `each`, known by `key`: what stays in the list is not drawn anew.
pub fn rows<T, K, V>(
    each: impl Fn() -> Vec<T> + Send + 'static,
    key: impl Fn(&T) -> K + Send + 'static,
    view: impl Fn(T) -> V + Send + Sync + 'static,
) -> AnyView
where
    T: Send + 'static,
    K: Eq + Hash + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let view = Arc::new(view);
    let row = move |one: T| {
        let (key, view) = (key(&one), Arc::clone(&view));
        Row { key: Arc::new(key), draw: Box::new(move || view(one).into_any()) }
    };
    list(Box::new(move || each().into_iter().map(&row).collect()))
}

fn list(each: Box<dyn Fn() -> Vec<Row> + Send>) -> AnyView {
    view! { <For each=each key=|row| Key(Arc::clone(&row.key)) let:row>{(row.draw)()}</For> }.into_any()
}

#[derive(Clone)]
struct Key(Arc<dyn AnyKey>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(other.0.as_any())
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, mut state: &mut H) {
        self.0.write(&mut state);
    }
}

/// A key of any type.
trait AnyKey: Send + Sync {
    fn is(&self, other: &dyn Any) -> bool;
    fn write(&self, state: &mut dyn Hasher);
    fn as_any(&self) -> &dyn Any;
}

impl<K: Eq + Hash + Send + Sync + 'static> AnyKey for K {
    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn write(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::sync::Arc;

    use super::Key;

    fn hash(key: &Key) -> u64 {
        let mut state = DefaultHasher::new();
        key.hash(&mut state);
        state.finish()
    }

    #[test]
    fn keys_are_equal_when_their_values_and_types_are() {
        let [one, same, other, of_another_type] = [
            Key(Arc::new((7_u8, "a"))),
            Key(Arc::new((7_u8, "a"))),
            Key(Arc::new((7_u8, "b"))),
            Key(Arc::new(7_u8)),
        ];
        assert!(one == same && hash(&one) == hash(&same));
        assert!(one != other && one != of_another_type);
    }
}
