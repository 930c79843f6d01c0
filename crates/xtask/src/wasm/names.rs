//! Which functions of the browser half can go, by the names that the compiler gave them.
//!
//! Names are `_ZN4core9panicking9panic_fmt17h…E`, and from Rust 1.96 on `_RNvNtCs…_4core9panicking9panic_fmt`.

/// What Leptos has for ways of hydrating that are not used here: views whose code is loaded later, of which there are none,
/// and templates, which `view!` does not make.
pub fn is_never_called(name: &str) -> bool {
    is_lazy_hydration(name) || is_template_hydration(name)
}

/// What a panic comes to: words put together from where it happened and what was expected, for the console. A trap ends the
/// page just as well, and the browser says where.
pub fn is_panic(name: &str) -> bool {
    const ENDS: [&str; 8] = [
        "4core9panicking",
        "4core6option13expect_failed",
        "4core6option13unwrap_failed",
        "4core6result13unwrap_failed",
        "4core4cell22panic_already_borrowed",
        "4core4cell30panic_already_mutably_borrowed",
        "4core3str16slice_error_fail",
        "5alloc5alloc18handle_alloc_error",
    ];
    let Some(path) = path(name) else { return false };
    let is_index = path.starts_with("4core5slice5index") && path.contains("_fail");
    is_index || ENDS.iter().any(|end| path.starts_with(end))
}

/// Crate, module and function, each behind its length.
fn path(name: &str) -> Option<&str> {
    if let Some(path) = name.strip_prefix("_ZN") {
        return Some(path);
    }
    let krate = name.strip_prefix("_R")?.trim_start_matches(['I', 'N', 'v', 't']).strip_prefix('C')?;
    krate.split_once('_').map(|(_, path)| path)
}

/// What an attribute whose type is erased does on an element that was made of a template. Each type has one of its own for
/// elements of the server's, so nothing else shares its code.
fn is_template_hydration(name: &str) -> bool {
    name.contains("13into_any_attr21hydrate_from_template")
}

/// What an erased view does to hydrate later: the future that `IntoAny::into_any` makes in its
/// function `hydrate_async`, and nothing that is made within. The compiler gives functions that came out equal one name for
/// all, so what is not of that shape may be of use to others. Compilers from 1.96 on write names in another way.
fn is_lazy_hydration(name: &str) -> bool {
    const BEFORE: &str = "8into_any13hydrate_async28_$u7b$$u7b$closure$u7d$$u7d$17h";
    let since = || {
        // A closure in an instance of a function within one of an implementation; one within that begins with `_RNCNC`.
        let (implementation, of) = name.strip_prefix("_RNCINvNvX")?.split_once("6tachys4view8any_viewp")?;
        let (_, function) = of.split_once('_')?;
        // More than its number and its crate's belong to a type that something else is made for.
        let is_its_own = implementation.matches('_').count() <= 2;
        Some(is_its_own && function.starts_with("7IntoAny8into_any13hydrate_asyncI"))
    };
    name.contains(BEFORE) || since().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{is_lazy_hydration, is_panic, is_template_hydration};

    #[test]
    fn what_hydrates_later_is_known_by_its_name() {
        const PATH: &str =
            "Xs2_NtNtCsc4FAgL0YxU0_6tachys4view8any_viewpNtB8_7IntoAny8into_any13hydrate_asyncINtCsa_1a1BE";
        let future = format!("_RNCINvNv{PATH}0Cse_11groundswell");
        let made = format!("_RINvNv{PATH}Cse_11groundswell");
        let within = format!("_RNCNCINvNv{PATH}00Cse_11groundswell");
        let dropped = format!("_RINvNtCsb_4core3ptr13drop_in_placeNCINvNv{PATH}0ECse_11groundswell");
        let lent = format!("_RNCINvNvXs_Cs1_1aINtCs2_1bNCINvNv{PATH}0E0Cse_11groundswell");
        let named = [future.as_str(), &made, &within, &dropped, &lent].map(is_lazy_hydration);
        assert_eq!(named, [true, false, false, false, false]);
        let shape = "_ZN79_$LT$T$u20$as$u20$tachys..view..any_view..IntoAny$GT$8into_any13hydrate_async";
        assert!(is_lazy_hydration(&format!("{shape}28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE")));
        assert!(!is_lazy_hydration(&format!("{shape}17h0123456789abcdefE")));
    }
    #[test]
    fn what_a_panic_comes_to_is_known_by_its_name() {
        for name in [
            "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
            "_ZN4core5slice5index24slice_end_index_len_fail17h0123456789abcdefE",
            "_RNvNtCsc4FAgL0YxU0_4core9panicking9panic_fmt",
            "_RINvNtCsc4FAgL0YxU0_4core9panicking13assert_failedjjECse_1a",
            "_RNvNtCsc4FAgL0YxU0_4core6option13unwrap_failed",
        ] {
            assert!(is_panic(name), "{name}");
        }
        for name in [
            "_ZN4core6option15Option$LT$T$GT$6unwrap17h0123456789abcdefE",
            "_ZN3std9panicking12default_hook17h0123456789abcdefE",
            "_RINvNtCsb_4core3ptr13drop_in_placeNtNtB4_9panicking10AssertKindECse_1a",
            "hydrate",
        ] {
            assert!(!is_panic(name), "{name}");
        }
    }

    #[test]
    fn what_hydrates_templates_is_known_by_its_name() {
        let of = |function: &str| {
            format!(
                "_ZN82_$LT$T$u20$as$u20$tachys..html..attribute..any_attribute..IntoAnyAttribute$GT${function}17h0E"
            )
        };
        assert!(is_template_hydration(&of("13into_any_attr21hydrate_from_template")));
        assert!(!is_template_hydration(&of("13into_any_attr19hydrate_from_server")));
    }
}
