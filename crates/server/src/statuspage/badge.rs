//! A badge for other pages: how the service is, in a word and a colour. A screen reader says its title.

use groundswell_types::Impact;

use super::Page;

/// The left half.
const LABEL: &str = "system status";

/// Of letters in 11 px, with room to spare; the text is fitted into it.
const CHAR_PX: usize = 7;

const MARGIN_PX: usize = 10;

/// An SVG picture, without scripts or styles.
pub fn svg(page: &Page<'_>) -> String {
    let (word, colour) = state(page.status.impact);
    let (left, right) = (width(LABEL), width(word));
    let total = left + right;
    let half = |text: &str, (at, width): (usize, usize)| {
        let (middle, length) = (at + width / 2, width - 2 * MARGIN_PX);
        format!(
            r#"<text x="{middle}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{text}</text>"#
        )
    };
    let (label, word_text) = (half(LABEL, (0, left)), half(word, (left, right)));
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" viewBox="0 0 {total} 20" role="img" aria-labelledby="title"><title id="title">Groundswell {LABEL}: {word}</title><clipPath id="round"><rect width="{total}" height="20" rx="4"/></clipPath><g clip-path="url(#round)"><rect width="{left}" height="20" fill="#414A5A"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/></g><g fill="#FFFFFF" font-family="system-ui,-apple-system,Segoe UI,Verdana,sans-serif" font-size="11" text-anchor="middle" aria-hidden="true">{label}{word_text}</g></svg>"##
    )
}

fn width(text: &str) -> usize {
    text.len() * CHAR_PX + 2 * MARGIN_PX
}

/// The word, and a colour on which white can be read (4.5 : 1 at least).
const fn state(impact: Impact) -> (&'static str, &'static str) {
    match impact {
        Impact::None => ("operational", "#0B6B43"),
        Impact::Maintenance => ("maintenance", "#0A5C8A"),
        Impact::Minor => ("degraded", "#7F4B00"),
        Impact::Major => ("partial outage", "#A8201A"),
        Impact::Critical => ("major outage", "#A8201A"),
    }
}
