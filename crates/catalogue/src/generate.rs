//! The Rust that gives the texts.

use std::fmt::Write as _;

use crate::template::{Piece, Slot, Text};
use crate::{CATEGORIES, OF_SERVER, SAID, Texts};

/// The methods of `Texts`, the table of what they give, and the table of what the server says.
pub fn generate(languages: &[Texts]) -> String {
    let mut code = String::from("impl Texts {\n");
    let mut table = String::new();
    let mut place = 0;
    for id in shown(languages) {
        let all: Vec<&Text> = languages.iter().map(|texts| &texts[id]).collect();
        method(&mut code, id, place, all[0]);
        for lines in lines(&all) {
            let _ = writeln!(table, "    {lines:?},");
            place += 1;
        }
    }
    let mut said = String::new();
    for (id, text) in languages[0].iter().filter(|((area, _), _)| area == SAID) {
        let parameters = Parameters::of(text);
        let line = |texts: &Texts| line(texts[id].form("other"), &parameters);
        let _ = writeln!(said, "    {:?},", languages.iter().map(line).collect::<Vec<_>>());
    }
    let (count, browser) = (languages.len(), of_browser(languages, 0).len());
    let _ = write!(
        code,
        "}}\n\n/// What the methods give, in all languages.\n\
         #[cfg(feature = \"ssr\")]\nstatic ALL: &[[&str; {count}]] = &[\n{table}];\n\n\
         /// How many of them are the browser half's.\n\
         #[cfg(not(feature = \"ssr\"))]\nconst OF_BROWSER: usize = {browser};\n\n\
         /// The sentences of the server that pages show, in all languages, English first.\n\
         #[cfg(feature = \"ssr\")]\npub static SAID: &[[&str; {count}]] = &[\n{said}];\n",
    );
    code
}

/// What the methods of the browser half give in one language, in the order of their places.
pub fn of_browser(languages: &[Texts], language: usize) -> Vec<String> {
    let shown = shown(languages).filter(|(area, _)| !is_of_server(area));
    let all = shown.map(|id| languages.iter().map(|texts| &texts[id]).collect::<Vec<_>>());
    all.flat_map(|all| lines(&all)).map(|mut lines| lines.swap_remove(language)).collect()
}

fn is_of_server(area: &str) -> bool {
    OF_SERVER.contains(&area)
}

/// All texts that have a method, those of the browser half first.
fn shown(languages: &[Texts]) -> impl Iterator<Item = &(String, String)> {
    let of = |is_of: bool| languages[0].keys().filter(move |(area, _)| is_of_server(area) == is_of);
    of(false).chain(of(true)).filter(|(area, _)| area != SAID)
}

/// A text in all languages; one with plural forms has a line for each of [`CATEGORIES`].
fn lines(all: &[&Text]) -> Vec<Vec<String>> {
    let parameters = Parameters::of(all[0]);
    let of_form = |category| all.iter().map(|text| line(text.form(category), &parameters)).collect();
    if is_plural(all[0]) { CATEGORIES.into_iter().map(of_form).collect() } else { vec![of_form("other")] }
}

const fn is_plural(text: &Text) -> bool {
    matches!(text, Text::Plural(_))
}

/// The placeholders of a text, each kind in the order in which they are arguments.
struct Parameters<'a> {
    all: Vec<(Slot, &'a str)>,
    /// Those that are filled with words.
    filled: Vec<(Slot, &'a str)>,
    elements: Vec<(Slot, &'a str)>,
}

impl<'a> Parameters<'a> {
    fn of(english: &'a Text) -> Self {
        let mut all = parameters(english.form("other"));
        if is_plural(english) {
            all.retain(|slot| *slot != (Slot::Number, "count"));
            all.insert(0, (Slot::Number, "count"));
        }
        let is_filled = |(slot, _): &(Slot, &str)| matches!(slot, Slot::Text | Slot::Number);
        let (filled, elements) = all.iter().copied().partition(is_filled);
        Self { all, filled, elements }
    }
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

fn method(code: &mut String, (area, key): &(String, String), place: usize, english: &Text) {
    let Parameters { all, filled, elements } = Parameters::of(english);
    let parameter = |(slot, name): &(Slot, &str)| match slot {
        Slot::Text => format!(", {name}: &str"),
        Slot::Number => format!(", {name}: impl Number"),
        Slot::View => format!(", {name}: impl IntoAny + 'static"),
        Slot::Tag => format!(", {name}: impl FnOnce(&'static str) -> AnyView + 'static"),
    };
    let arguments: String = all.iter().map(parameter).collect();
    let (is_rich, is_plain) = (!elements.is_empty(), all.is_empty());
    let returned = match (is_rich, is_plain) {
        (true, _) => "AnyView",
        (false, true) => "&'static str",
        (false, false) => "String",
    };
    let text =
        if is_plural(english) { format!("self.form({place}, count)") } else { format!("self.text({place})") };

    let fill = |(slot, name): &(Slot, &str)| match slot {
        Slot::Number => format!("&self.language().number({name})"),
        _ => (*name).to_owned(),
    };
    let fills = filled.iter().map(fill).collect::<Vec<_>>().join(", ");
    let element = |(slot, name): &(Slot, &str)| match slot {
        Slot::Tag => format!("Box::new({name})"),
        _ => format!("Box::new(move |_| {name}.into_any())"),
    };
    let elements = elements.iter().map(element).collect::<Vec<_>>().join(", ");
    let body = match (is_rich, is_plain) {
        (true, _) => format!("rich({text}, &[{fills}], vec![{elements}])"),
        (false, true) => text,
        (false, false) => format!("fill({text}, &[{fills}])"),
    };
    let numbers = all.iter().filter(|(slot, _)| *slot == Slot::Number);
    let whole_numbers = numbers.fold(String::new(), |mut code, (_, name)| {
        let _ = writeln!(code, "        let {name} = {name}.whole();");
        code
    });
    let condition = if is_of_server(area) { "    #[cfg(feature = \"ssr\")]\n" } else { "" };
    let _ = writeln!(
        code,
        "    /// `{}`\n{condition}    pub fn {area}_{key}(self{arguments}) -> {returned} \
         {{\n{whole_numbers}        {body}\n    }}\n",
        english.shown().replace('`', "'")
    );
}

/// A form as it is filled: `{0}` for words, `<0|…>` for an element around words.
fn line(form: &[Piece], parameters: &Parameters<'_>) -> String {
    let mut line = String::new();
    for piece in form {
        let slot = piece.slot();
        let place = |known: &[_]| known.iter().position(|one| Some(*one) == slot);
        let _ = match (piece, place(&parameters.filled), place(&parameters.elements)) {
            (Piece::Words(words), ..) => write!(line, "{words}"),
            (_, Some(place), _) => write!(line, "{{{place}}}"),
            (Piece::Tag(_, words), _, Some(place)) => write!(line, "<{place}|{words}>"),
            (_, _, place) => write!(line, "<{}|>", place.unwrap_or_default()),
        };
    }
    line
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
        let languages = [texts.clone(), texts];
        let code = generate(&languages);
        for wanted in [
            "pub fn area_title(self) -> &'static str {\n        self.text(5)",
            "pub fn area_sent(self, b: &str, a: impl Number) -> String",
            "fill(self.text(4), &[b, &self.language().number(a)])",
            "[\"{0} and {1}, {0}\", \"{0} and {1}, {0}\"],",
            "pub fn area_more(self, count: impl Number, b: &str) -> String",
            "self.form(0, count)",
            "pub fn area_none(self, all: impl FnOnce(&'static str) -> AnyView + 'static, \
             time: impl IntoAny + 'static, b: &str) -> AnyView",
            "rich(self.text(3), &[b], ",
            "const OF_BROWSER: usize = 6;",
        ] {
            assert!(code.contains(wanted), "{wanted} is not in {code}");
        }
        let none = "No, <0|all> at <1|> of {0}";
        let forms = ["one for {1}", "{0} for {1}", "{0} for {1}"];
        assert_eq!(of_browser(&languages, 1), [&forms[..], &[none, "{0} and {1}, {0}", "Log"]].concat());
    }

    #[test]
    fn what_only_the_server_shows_is_not_for_the_browser_half() {
        let [english, mail] = [texts("title = \"Log\""), texts("b = \"B\"")];
        let mail = mail.into_iter().map(|((_, key), text)| (("mail".to_owned(), key), text));
        let languages = [english.into_iter().chain(mail).collect()];
        let code = generate(&languages);
        assert!(
            code.contains("#[cfg(feature = \"ssr\")]\n    pub fn mail_b(self) -> &'static str"),
            "{code}"
        );
        assert!(!code.contains("#[cfg(feature = \"ssr\")]\n    pub fn area_title"), "{code}");
        assert_eq!(of_browser(&languages, 0), ["Log"]);
    }
}
