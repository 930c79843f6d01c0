//! What a crash leaves behind: nothing of what was in memory, for there are secrets in it.

use std::any::Any;

/// Keeps the memory of this process from being written to a file when it crashes, and from other processes of the same
/// user, which could read it otherwise.
#[cfg(target_os = "linux")]
pub fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // The limit does not hold for a program that the system hands dumps to; this does.
    let result = limited.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = result {
        tracing::warn!(%error, "the system may write this process's memory to a file when it crashes");
    }
}

/// Keeps the memory of this process from being written to a file when it crashes.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "the system may write this process's memory to a file when it crashes");
    }
}

/// Has a command that keeps no log say where it panicked, and no more than [`log_panics`] does.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        groundswell_cli::complain(&format!("panicked at {at}: {}", said(panic.payload())));
    }));
}

/// Has panics logged like everything else, by where they happened.
///
/// What a panic says can hold the value it failed on: slicing a text at a wrong place quotes the text. So only what was
/// written in the source is logged, and the place leads to the rest.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(at, thread, "a thread panicked: {}", said(panic.payload()));
    }));
}

fn said(payload: &dyn Any) -> &'static str {
    let said = payload.downcast_ref::<&'static str>().copied();
    said.unwrap_or("what it said is not logged, since there may be a secret in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_logged_in_the_words_of_the_source_alone() {
        let of = |panics: fn()| std::panic::catch_unwind(panics).expect_err("it panics");
        let quoting = of(|| {
            let cut = std::hint::black_box(String::from("planted ü secret"));
            let _ = &cut[..9];
        });
        let text = quoting.downcast_ref::<String>().expect("a text that was put together");
        assert!(text.contains("planted"), "Rust quotes what was cut: {text}");
        assert!(!said(&*quoting).contains("planted"));
        assert_eq!(said(&*of(|| panic!("in the words of the source"))), "in the words of the source");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_not_written_to_a_file_any_more() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        forbid_core_dumps();
        assert_eq!(dumpable_behavior().expect("can be asked"), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
