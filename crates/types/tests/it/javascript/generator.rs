//! JSON texts of all spellings, made from a seed.

use std::fmt::Write as _;

use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// One generated text.
pub struct Case {
    pub seed: u64,
    pub text: String,
}

impl Case {
    /// The text of `seed`, always the same.
    pub fn generate(seed: u64) -> Self {
        let mut bytes = [0x5a; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
        // Seeds that differ in one bit give alike first numbers.
        (0..8).for_each(|_| {
            rng.random::<u64>();
        });
        let temper = match rng.random_range(0..100) {
            0..78 => Temper::Sound,
            78..95 => Temper::Hostile,
            _ => Temper::Damaged,
        };
        let mut generator = Generator { rng, out: String::new(), temper };
        generator.document();
        if temper == Temper::Damaged {
            generator.damage();
        }
        Self { seed, text: generator.out }
    }
}

/// What a text may contain.
#[derive(Clone, Copy, PartialEq)]
enum Temper {
    /// Only what JavaScript holds.
    Sound,
    /// Numbers and strings that JavaScript would change, too.
    Hostile,
    /// One character inserted, removed or replaced; may or may not be JSON.
    Damaged,
}

/// Keys of which one text often has several: integer-like ones and their look-alikes, and names with a meaning.
#[rustfmt::skip]
const KEYS: [&str; 40] = [
    "0", "1", "2", "9", "10", "11", "100", "00", "01", "-1", "-0", "+1", "1.0", "1e3", " 1", "1 ",
    "2147483647", "2147483648", "4294967293", "4294967294", "4294967295", "4294967296", "42949672940",
    "9007199254740992", "18446744073709551616", "__proto__", "constructor", "prototype", "toString",
    "toJSON", "length", "valueOf", "id", "event", "createdAt", "data", "", " ", "a/b", "~",
];

/// Numbers at the edges, all of which JavaScript holds.
#[rustfmt::skip]
const EDGES: [&str; 40] = [
    "0", "-0", "0.0", "-0.0", "0e0", "0E+5", "-0e-7", "0.000e-99999", "0e99999999999999999999", "1", "-1",
    "1.0", "1.50", "10e-1", "100000000000000000000", "123456789012345680000", "1e20", "1e21", "1E21",
    "1e+21", "10e20", "1000000000000000000000", "1e-6", "1e-7", "0.000001", "0.0000001", "5e-324", "5E-324",
    "2.2250738585072014e-308", "2.225073858507201e-308", "1.7976931348623157e308", "179769313486231570e291",
    "4294967295", "9007199254740991", "9007199254740992", "-9007199254740992", "9007199254740994",
    "999999999999999", "1000000000000000", "1e15",
];

/// Numbers JavaScript prints with another value.
#[rustfmt::skip]
const CHANGING: [&str; 17] = [
    "9007199254740993", "-9007199254740993", "9007199254740993.0", "1e400", "-1e400", "1e-400", "1e309",
    "1.7976931348623159e308", "4.9e-324", "2e-324", "1e99999999999999999999", "1e-99999999999999999999",
    "0.1000000000000000055511151231257827021181583404541015625", "123456789012345678901234567890",
    "18446744073709551615", "0.30000000000000004441", "2.22507385850720138309e-308",
];

/// Characters with a history: escapes, controls, line separators, edges of the planes, and beyond the first.
#[rustfmt::skip]
const CHARACTERS: [char; 40] = [
    '"', '\\', '/', '\u{8}', '\u{c}', '\n', '\r', '\t', '\0', '\u{1}', '\u{b}', '\u{1f}', '\u{7f}',
    '\u{80}', '\u{9f}', '\u{a0}', '\u{ad}', '\u{301}', '\u{600}', '\u{200b}', '\u{200d}', '\u{2028}',
    '\u{2029}', '\u{202e}', '\u{d7ff}', '\u{e000}', '\u{feff}', '\u{fffd}', '\u{fffe}', '\u{ffff}',
    '\u{10000}', '\u{1f600}', '\u{e0001}', '\u{10ffff}', '<', '>', '&', '\'', 'é', '漢',
];

struct Generator {
    rng: TestRng,
    out: String,
    temper: Temper,
}

impl Generator {
    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// True `percent` times in a hundred.
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn document(&mut self) {
        self.white_space();
        if self.chance(2) {
            self.deep();
        } else {
            self.value(5);
        }
        self.white_space();
    }

    /// A value in up to 125 arrays and objects, one in another.
    fn deep(&mut self) {
        let levels = 1 + self.below(125);
        let mut closing = Vec::with_capacity(levels);
        for _ in 0..levels {
            if self.chance(50) {
                self.out.push('[');
                closing.push(']');
            } else {
                self.out.push('{');
                self.key();
                self.out.push(':');
                closing.push('}');
            }
            self.white_space();
        }
        self.value(2);
        while let Some(bracket) = closing.pop() {
            self.white_space();
            self.out.push(bracket);
        }
    }

    fn value(&mut self, levels: usize) {
        match self.below(if levels == 0 { 7 } else { 11 }) {
            0 => self.out.push_str("null"),
            1 => self.out.push_str("true"),
            2 => self.out.push_str("false"),
            3..5 => self.string(),
            5..7 => self.number(),
            7..10 => self.object(levels - 1),
            _ => self.array(levels - 1),
        }
    }

    fn array(&mut self, levels: usize) {
        self.out.push('[');
        self.white_space();
        for at in 0..self.below(5) {
            if at > 0 {
                self.out.push(',');
            }
            self.white_space();
            self.value(levels);
            self.white_space();
        }
        self.out.push(']');
    }

    fn object(&mut self, levels: usize) {
        // Objects of more than 16 members take another way through the reader.
        let (members, levels) =
            if self.chance(4) { (20 + self.below(20), 0) } else { (self.below(7), levels) };
        self.out.push('{');
        self.white_space();
        for at in 0..members {
            if at > 0 {
                self.out.push(',');
            }
            self.white_space();
            self.key();
            self.white_space();
            self.out.push(':');
            self.white_space();
            self.value(levels);
            self.white_space();
        }
        self.out.push('}');
    }

    fn key(&mut self) {
        match self.below(10) {
            0 => self.string(),
            1 => {
                let number: u32 = self.rng.random();
                let shift = self.below(32);
                self.quoted(&(number >> shift).to_string());
            }
            _ => {
                let key = KEYS[self.below(KEYS.len())];
                self.quoted(key);
            }
        }
    }

    fn string(&mut self) {
        let length = self.below(8);
        let text: String = (0..length).map(|_| self.character()).collect();
        self.quoted(&text);
    }

    fn character(&mut self) -> char {
        match self.below(4) {
            0 => CHARACTERS[self.below(CHARACTERS.len())],
            1 => self.rng.random::<char>(),
            _ => char::from(b' ' + u8::try_from(self.below(95)).expect("below 95")),
        }
    }

    /// The text in quotes, each character in any of its spellings.
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            self.lone_surrogate();
            let short = match character {
                '"' => Some("\\\""),
                '\\' => Some("\\\\"),
                '/' => Some("\\/"),
                '\u{8}' => Some("\\b"),
                '\u{c}' => Some("\\f"),
                '\n' => Some("\\n"),
                '\r' => Some("\\r"),
                '\t' => Some("\\t"),
                _ => None,
            };
            let must_escape = character < ' ' || character == '"' || character == '\\';
            match (short, self.below(8)) {
                (_, 0) => self.escaped(character),
                (Some(short), 1..6) => self.out.push_str(short),
                (Some(short), _) if must_escape => self.out.push_str(short),
                _ if must_escape => self.escaped(character),
                _ => self.out.push(character),
            }
        }
        self.lone_surrogate();
        self.out.push('"');
    }

    /// `\uxxxx`, as a pair for what is beyond the first plane.
    fn escaped(&mut self, character: char) {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            self.unit(*unit);
        }
    }

    fn unit(&mut self, unit: u16) {
        let digits = if self.chance(50) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
        self.out.push_str(&digits);
    }

    fn lone_surrogate(&mut self) {
        if self.temper != Temper::Sound && self.chance(1) {
            let unit = self.rng.random_range(0xd800..0xe000_u16);
            self.unit(unit);
        }
    }

    fn number(&mut self) {
        let text = match self.below(8) {
            0 => EDGES[self.below(EDGES.len())].to_owned(),
            1 => {
                let around = self.rng.random_range((1_i64 << 53) - 40..=1 << 53);
                self.signed(around.to_string())
            }
            2 => {
                let digits = self.rng.random_range(0..1_000_000_u32);
                format!("{}.{:02}", digits / 100, digits % 100)
            }
            3 => {
                let number: i64 = self.rng.random();
                (number >> self.rng.random_range(11..63)).to_string()
            }
            4 if self.temper == Temper::Hostile => CHANGING[self.below(CHANGING.len())].to_owned(),
            5 if self.temper == Temper::Hostile => self.any_digits(),
            _ => self.float(),
        };
        self.out.push_str(&text);
    }

    fn signed(&mut self, text: String) -> String {
        if self.chance(50) { format!("-{text}") } else { text }
    }

    /// Any digits at all, which may or may not be a number that JavaScript holds.
    fn any_digits(&mut self) -> String {
        let whole = self.below(25) + 1;
        let mut text: String =
            (0..whole).map(|_| char::from(b'1' + u8::try_from(self.below(9)).expect("a digit"))).collect();
        if self.chance(50) {
            text.push('.');
            for _ in 0..=self.below(20) {
                text.push(char::from(b'0' + u8::try_from(self.below(10)).expect("a digit")));
            }
        }
        if self.chance(30) {
            write!(text, "e{}", self.rng.random_range(-330..330)).expect("writing to a string");
        }
        self.signed(text)
    }

    /// A float by its shortest digits, spelled in any way that does not change its value.
    fn float(&mut self) -> String {
        let value = loop {
            let bits = f64::from_bits(self.rng.random());
            // Half of the numbers of a size that people use.
            let value = if self.chance(50) { bits } else { (bits.fract() * 1e9).round() / 1e4 };
            if value.is_finite() {
                break value;
            }
        };
        let shortest = format!("{:e}", value.abs());
        let (mantissa, exponent) = shortest.split_once('e').expect("printed with an exponent");
        let mut digits = mantissa.replace('.', "");
        let mut exponent: i64 = exponent.parse().expect("an exponent");
        digits.push_str(&"0".repeat(self.below(4)));
        // Where the point goes among the digits moves the exponent.
        let point = 1 + self.below(digits.len());
        exponent -= i64::try_from(point).expect("few digits") - 1;
        let whole = digits[..point].trim_start_matches('0');
        let mut text = if whole.is_empty() { "0".to_owned() } else { whole.to_owned() };
        if point < digits.len() {
            text.push('.');
            text.push_str(&digits[point..]);
        } else if self.chance(20) {
            text.push_str(".0");
        }
        if exponent != 0 || self.chance(10) {
            text.push(if self.chance(50) { 'e' } else { 'E' });
            match exponent {
                0.. if self.chance(50) => text.push('+'),
                0.. => {}
                _ => text.push('-'),
            }
            text.push_str(&"0".repeat(self.below(3)));
            text.push_str(&exponent.unsigned_abs().to_string());
        }
        if value.is_sign_negative() { format!("-{text}") } else { text }
    }

    fn white_space(&mut self) {
        while self.chance(15) {
            let space = [' ', '\t', '\n', '\r'][self.below(4)];
            self.out.push(space);
        }
    }

    /// Inserts, removes or replaces one character.
    fn damage(&mut self) {
        let mut characters: Vec<char> = self.out.chars().collect();
        let at = self.below(characters.len() + 1);
        let end = (at + self.below(2)).min(characters.len());
        let other = match self.below(3) {
            0 => None,
            1 => Some(self.character()),
            _ => Some(
                ['{', '}', '[', ']', ':', ',', '"', '\\', '0', '-', '.', 'e', 'u', '\u{feff}']
                    [self.below(14)],
            ),
        };
        characters.splice(at..end, other);
        self.out = characters.into_iter().collect();
    }
}
