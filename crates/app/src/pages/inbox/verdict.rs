//! The words for what a request's signatures are worth.

use groundswell_types::{SchemeCheck, SignatureCheck};

use crate::texts::Texts;
use crate::words::Tone;

/// Both signatures together.
pub fn signature(texts: Texts, check: &SignatureCheck) -> (Tone, &'static str) {
    if check.is_verified() {
        (Tone::Ok, texts.inbox_verified())
    } else if check.product.is_absent() && check.standard.is_absent() {
        (Tone::Quiet, texts.inbox_not_signed())
    } else {
        (Tone::Error, texts.inbox_not_verified())
    }
}

/// One signature, in a sentence.
pub fn scheme(texts: Texts, check: SchemeCheck) -> &'static str {
    match check {
        SchemeCheck::Verified => texts.inbox_check_verified(),
        SchemeCheck::NoWebhook => texts.inbox_check_no_webhook(),
        SchemeCheck::NoSecret => texts.inbox_check_no_secret(),
        SchemeCheck::Missing => texts.inbox_check_missing(),
        SchemeCheck::Malformed => texts.inbox_check_malformed(),
        SchemeCheck::Expired => texts.inbox_check_expired(),
        SchemeCheck::BodyChanged => texts.inbox_check_body_changed(),
        SchemeCheck::WrongSecret => texts.inbox_check_wrong_secret(),
        SchemeCheck::Mismatch => texts.inbox_check_mismatch(),
    }
}

/// What to do about the signatures; about the product's own first, since whoever sends one sends both.
pub fn advice(texts: Texts, check: &SignatureCheck) -> Option<&'static str> {
    let of = |check| match check {
        SchemeCheck::Verified => None,
        SchemeCheck::NoWebhook => Some(texts.inbox_advice_no_webhook()),
        SchemeCheck::NoSecret => Some(texts.inbox_advice_no_secret()),
        SchemeCheck::Missing => Some(texts.inbox_advice_missing()),
        SchemeCheck::Malformed => Some(texts.inbox_advice_malformed()),
        SchemeCheck::Expired => Some(texts.inbox_advice_expired()),
        SchemeCheck::BodyChanged => Some(texts.inbox_advice_body_changed()),
        SchemeCheck::WrongSecret => Some(texts.inbox_advice_wrong_secret()),
        SchemeCheck::Mismatch => Some(texts.inbox_advice_mismatch()),
    };
    // A scheme that somebody else does not use is no fault of theirs.
    if check.is_verified() { None } else { of(check.product).or_else(|| of(check.standard)) }
}

/// A number of bytes: `312 bytes`, `4.2 KiB`.
pub fn bytes(texts: Texts, number: i64) -> String {
    if number < 1024 {
        return texts.inbox_bytes(number);
    }
    let (tenths, language) = (number * 10 / 1024, texts.language());
    let size = format!("{}{}{}", language.number(tenths / 10), language.decimal_mark(), tenths % 10);
    texts.inbox_kib(&size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn sizes_are_written_as_the_language_does() {
        let sizes = |language| [0, 1, 1023, 65_536].map(|number| bytes(Texts::of(language), number));
        assert_eq!(sizes(Language::English), ["0 bytes", "1 byte", "1,023 bytes", "64.0 KiB"]);
        assert_eq!(sizes(Language::German), ["0 Bytes", "1 Byte", "1.023 Bytes", "64,0 KiB"]);
    }

    #[test]
    fn whoever_uses_one_scheme_alone_is_given_no_advice() {
        let texts = Texts::of(Language::English);
        let check = |product, standard| SignatureCheck { webhook_id: None, product, standard };
        let alone = check(SchemeCheck::Missing, SchemeCheck::Verified);
        assert_eq!((signature(texts, &alone), advice(texts, &alone)), ((Tone::Ok, "Verified"), None));
        let unsigned = check(SchemeCheck::NoSecret, SchemeCheck::NoSecret);
        assert_eq!(signature(texts, &unsigned), (Tone::Quiet, "Not signed"));
        for wrong in SchemeCheck::ALL.into_iter().filter(|check| *check != SchemeCheck::Verified) {
            assert!(advice(texts, &check(wrong, wrong)).is_some(), "{wrong:?}");
        }
    }
}
