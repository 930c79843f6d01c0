//! Inputs that belong to the browser: the server's HTML gives them their first value, typing changes a signal,
//! and what changes the signal from elsewhere changes the input. What was typed before the browser half ran is
//! taken over, where a controlled input would overwrite it.

use leptos::html;
use leptos::prelude::*;

use crate::boxed::effect;

/// Keeps a text input and a signal the same. `typed` is told what was typed before the page was alive.
pub fn sync_text(input: NodeRef<html::Input>, value: RwSignal<String>, typed: impl Fn(String) + 'static) {
    effect(move |synced: Option<bool>| {
        let wanted = value.get();
        let Some(input) = input.get() else { return false };
        if input.value() != wanted {
            if synced == Some(true) {
                input.set_value(&wanted);
            } else {
                typed(input.value());
            }
        }
        true
    });
}

/// Keeps a checkbox and a signal the same. `typed` is told how it was before the page was alive.
pub fn sync_check(input: NodeRef<html::Input>, value: Signal<bool>, typed: impl Fn(bool) + 'static) {
    effect(move |synced: Option<bool>| {
        let wanted = value.get();
        let Some(input) = input.get() else { return false };
        if input.checked() != wanted {
            if synced == Some(true) {
                input.set_checked(wanted);
            } else {
                typed(input.checked());
            }
        }
        true
    });
}
