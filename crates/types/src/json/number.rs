//! Numbers: JavaScript's format, and whether a literal survives it.

use std::borrow::Cow;

/// The number as JavaScript would print it, or `None` when its value would not survive: the literal's decimal
/// value differs from the value of what JavaScript prints (`9007199254740993`, `1e400`, `1e-400`).
///
/// `literal` must match the JSON number grammar.
pub(super) fn canonical(literal: &str) -> Option<Cow<'_, str>> {
    if is_plain_integer(literal) {
        return Some(Cow::Borrowed(literal));
    }
    let value: f64 = literal.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let printed = ryu_js::Buffer::new().format_finite(value).to_owned();
    if Decimal::of(literal) == Decimal::of(&printed) { Some(Cow::Owned(printed)) } else { None }
}

/// Whole numbers below 10^15 print as they are; `-0` does not.
fn is_plain_integer(literal: &str) -> bool {
    let digits = literal.strip_prefix('-').unwrap_or(literal);
    literal != "-0" && digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal value without its spelling: `digits` × 10^`exponent`, no zeros at either end of `digits`.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Self {
        let (negative, unsigned) = match literal.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, literal),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, saturating_exponent(exponent)),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let mut exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }
}

/// An exponent too long for i64 is as far away as i64 goes; no finite number that JavaScript prints is there.
fn saturating_exponent(text: &str) -> i64 {
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn numbers_print_as_javascript_prints_them() {
        for (literal, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("0.1", "0.1"),
            ("1e21", "1e+21"),
            ("1E21", "1e+21"),
            ("100000000000000000000", "100000000000000000000"),
            ("1000000000000000000000", "1e+21"),
            ("1e-7", "1e-7"),
            ("0.000001", "0.000001"),
            ("9007199254740992", "9007199254740992"),
            ("-12.5e3", "-12500"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ] {
            assert_eq!(canonical(literal).as_deref(), Some(printed), "{literal}");
        }
    }

    #[test]
    fn numbers_that_would_change_are_refused() {
        for literal in [
            "9007199254740993",
            "1e400",
            "-1e400",
            "1e-400",
            "0.1000000000000000055511151231257827021181583404541015625",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "123456789012345678901234567890",
        ] {
            assert_eq!(canonical(literal), None, "{literal}");
        }
    }
}
