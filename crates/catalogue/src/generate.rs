//! The Rust that gives the texts.

use std::fmt::Write as _;

use crate::template::{Piece, Slot, Text};
use crate::{CATEGORIES, SAID, Texts};

/// The methods of `Texts`, and the table of what the server says.
pub fn generate(languages: &[Texts]) -> String {
    let mut code = String::from("impl Texts {\n");
    let mut said = String::new();
    for (id, text) in &languages[0] {
        let all: Vec<&Text> = languages.iter().map(|texts| &texts[id]).collect();
        let (area, key) = id;
        if area == SAID {
            let lines = all
                .iter()
                .map(|text| template(text.form("other"), &parameters(languages[0][id].form("other"))));
            let _ = writeln!(said, "    [{}],", lines.collect::<Vec<_>>().join(", "));
        } else {
            method(&mut code, &format!("{area}_{key}"), text, &all);
        }
    }
    let _ = write!(
        code,
        "}}\n\n/// The sentences of the server that pages show, in all languages, English first.\n\
         #[cfg(feature = \"ssr\")]\npub static SAID: &[[&str; {}]] = &[\n{said}];\n",
        languages.len()
    );
    code
}

/// The placeholders in the order in which they are arguments: first the number that decides the plural form.
fn parameters(form: &[Piece]) -> Vec<(Slot, &str)> {
    let mut found: Vec<(Slot, &str)> = Vec::new();
    for slot in form.iter().filter_map(Piece::slot) {
        if !found.contains(&slot) {
            found.push(slot);
        }
    }
    found
}

fn method(code: &mut String, name: &str, english: &Text, all: &[&Text]) {
    let is_plural = matches!(english, Text::Plural(_));
    let mut parameters = parameters(english.form("other"));
    if is_plural {
        parameters.retain(|slot| *slot != (Slot::Number, "count"));
        parameters.insert(0, (Slot::Number, "count"));
    }
    let is_filled = |slot: &Slot| matches!(slot, Slot::Text | Slot::Number);
    let (filled, elements): (Vec<_>, Vec<_>) =
        parameters.iter().copied().partition(|(slot, _)| is_filled(slot));
    let is_rich = !elements.is_empty();

    let parameter = |(slot, name): &(Slot, &str)| match slot {
        Slot::Text => format!(", {name}: &str"),
        Slot::Number => format!(", {name}: impl Number"),
        Slot::View => format!(", {name}: impl IntoAny + 'static"),
        Slot::Tag => format!(", {name}: impl FnOnce(&'static str) -> AnyView + 'static"),
    };
    let arguments: String = parameters.iter().map(parameter).collect();
    let returned = match (is_rich, parameters.is_empty()) {
        (true, _) => "AnyView",
        (false, true) => "&'static str",
        (false, false) => "String",
    };
    let form =
        |form: &[Piece]| if is_rich { segments(form, &filled, &elements) } else { template(form, &filled) };
    let of_language = |text: &&Text| {
        if is_plural {
            let forms: Vec<_> = CATEGORIES.iter().map(|category| form(text.form(category))).collect();
            format!("[{}]", forms.join(", "))
        } else {
            form(text.form("other"))
        }
    };
    let forms: Vec<_> = all.iter().map(of_language).collect();
    let pick = format!("self.pick([{}])", forms.join(", "));
    let pick = if is_plural { format!("{pick}[self.language.plural_form(count)]") } else { pick };

    let fill = |(slot, name): &(Slot, &str)| match slot {
        Slot::Number => format!("&self.language.number({name})"),
        _ => (*name).to_owned(),
    };
    let fills = filled.iter().map(fill).collect::<Vec<_>>().join(", ");
    let element = |(slot, name): &(Slot, &str)| match slot {
        Slot::Tag => format!("Box::new({name})"),
        _ => format!("Box::new(move |_| {name}.into_any())"),
    };
    let elements = elements.iter().map(element).collect::<Vec<_>>().join(", ");
    let body = match (is_rich, parameters.is_empty()) {
        (true, _) => format!("rich({pick}, &[{fills}], vec![{elements}])"),
        (false, true) => pick,
        (false, false) => format!("fill({pick}, &[{fills}])"),
    };
    let numbers = parameters.iter().filter(|(slot, _)| *slot == Slot::Number);
    let whole_numbers = numbers.fold(String::new(), |mut code, (_, name)| {
        let _ = writeln!(code, "        let {name} = {name}.whole();");
        code
    });
    let _ = writeln!(
        code,
        "    /// `{}`\n    pub fn {name}(self{arguments}) -> {returned} {{\n{whole_numbers}        {body}\n    }}\n",
        english.shown().replace('`', "'")
    );
}

/// A form as a string whose placeholders are numbers.
fn template(form: &[Piece], filled: &[(Slot, &str)]) -> String {
    let mut text = String::new();
    for piece in form {
        push(&mut text, piece, filled);
    }
    format!("{text:?}")
}

fn push(text: &mut String, piece: &Piece, filled: &[(Slot, &str)]) {
    match piece {
        Piece::Words(words) => text.push_str(words),
        Piece::Slot(slot, name) => {
            let place = filled.iter().position(|known| known == &(*slot, name.as_str())).unwrap_or_default();
            let _ = write!(text, "{{{place}}}");
        }
        Piece::Tag(..) => {}
    }
}

/// A form as words between elements.
fn segments(form: &[Piece], filled: &[(Slot, &str)], elements: &[(Slot, &str)]) -> String {
    let mut segments = Vec::new();
    let mut text = String::new();
    for piece in form {
        let place = piece.slot().and_then(|slot| elements.iter().position(|known| *known == slot));
        match place {
            None => push(&mut text, piece, filled),
            Some(place) => {
                if !text.is_empty() {
                    segments.push(format!("Segment::Words({:?})", std::mem::take(&mut text)));
                }
                let words = if let Piece::Tag(_, words) = piece { words.as_str() } else { "" };
                segments.push(format!("Segment::Element({place}, {words:?})"));
            }
        }
    }
    if !text.is_empty() {
        segments.push(format!("Segment::Words({text:?})"));
    }
    format!("&[{}][..]", segments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::texts;

    #[test]
    fn a_text_becomes_a_method_of_what_it_needs() {
        let texts = texts(concat!(
            "title = \"Log\"\n",
            "sent = \"{b} and {a, number}, {b}\"\n",
            "more = { one = \"one for {b}\", other = \"{count, number} for {b}\" }\n",
            "none = \"No, <all>all</all> at {time, view} of {b}\"\n",
        ));
        let code = generate(&[texts.clone(), texts]);
        for wanted in [
            "pub fn area_title(self) -> &'static str {\n        self.pick([\"Log\", \"Log\"])",
            "pub fn area_sent(self, b: &str, a: impl Number) -> String",
            "fill(self.pick([\"{0} and {1}, {0}\", \"{0} and {1}, {0}\"]), &[b, &self.language.number(a)])",
            "pub fn area_more(self, count: impl Number, b: &str) -> String",
            "[\"one for {1}\", \"{0} for {1}\", \"{0} for {1}\"]",
            "pub fn area_none(self, all: impl FnOnce(&'static str) -> AnyView + 'static, \
             time: impl IntoAny + 'static, b: &str) -> AnyView",
            "&[Segment::Words(\"No, \"), Segment::Element(0, \"all\"), Segment::Words(\" at \"), \
             Segment::Element(1, \"\"), Segment::Words(\" of {0}\")][..]",
        ] {
            assert!(code.contains(wanted), "{wanted} is not in {code}");
        }
    }
}
