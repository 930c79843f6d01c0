//! The colours of the style sheet, read from it: text has a contrast of at least 4.5 to what it stands on,
//! dots, borders of controls and focus rings of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).

const TOKENS: &str = include_str!("../../../../style/tokens.css");

/// What stands on what, and the contrast it needs.
const PAIRS: [(&[&str], &[&str], f64); 8] = [
    (&["text", "text-2", "text-3"], &["bg", "surface", "raised", "sunken"], 4.5),
    (&["accent", "accent-hover", "ok", "warn", "error", "info"], &["bg", "surface", "raised"], 4.5),
    (&["on-accent"], &["accent", "accent-hover"], 4.5),
    (&["text", "text-2", "accent"], &["accent-soft"], 4.5),
    (&["ok", "text"], &["ok-soft"], 4.5),
    (&["warn", "error", "info", "text"], &["warn-soft", "error-soft", "info-soft"], 4.5),
    (
        &["ok-solid", "warn-solid", "error-solid", "info-solid", "border-strong"],
        &["bg", "surface", "raised"],
        3.0,
    ),
    (&["focus"], &["bg", "surface", "raised", "sunken"], 3.0),
];

#[test]
fn everything_can_be_read_in_both_themes() {
    let (light, dark) = TOKENS.split_once("prefers-color-scheme: dark").expect("two themes");
    for (theme, css) in [("light", light), ("dark", dark)] {
        for (fronts, backs, least) in PAIRS {
            for front in fronts {
                for back in backs {
                    // Each word is for its own soft background only.
                    let is_other_tone = back.ends_with("-soft")
                        && ["ok", "warn", "error", "info"].contains(front)
                        && *back != format!("{front}-soft");
                    let contrast = contrast(colour(css, front), colour(css, back));
                    assert!(
                        is_other_tone || contrast >= least,
                        "{front} on {back} has {contrast:.2} in {theme}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_dark_theme_is_the_same_for_who_chose_it_and_whose_system_is_dark() {
    let block = |selector: &str| {
        let (_, rest) = TOKENS.split_once(selector).expect("the theme");
        let (block, _) = rest.split_once('}').expect("the end of a block");
        let tokens = block.lines().map(str::trim).filter(|line| line.starts_with("--"));
        tokens.map(str::to_owned).collect::<Vec<_>>()
    };
    let chosen = block(":root[data-theme=\"dark\"] {");
    assert!(chosen.len() > 20);
    assert_eq!(chosen, block(":root:not([data-theme=\"light\"]) {"));
}

/// The colour of a token, each part from 0 to 255.
fn colour(css: &str, token: &str) -> [f64; 3] {
    let start = css.find(&format!("--{token}: #")).unwrap_or_else(|| panic!("no token {token}"));
    let hex = &css[start + token.len() + 5..][..6];
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour")))
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance as WCAG defines it.
fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = part / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
