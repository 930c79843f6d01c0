//! From Markdown to HTML, and to the sections that the table of contents and the search are made of.
//!
//! Beyond `CommonMark`: tables, `## Heading {#anchor}`, `> [!TIP]`, and in the line that opens a block of code, after
//! the language, `title="…"` (shown above it, and its name for screen readers) and `folded="…"` (closed at first, with
//! these words to open it).

use maud::{PreEscaped, html};
use pulldown_cmark::{
    BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd,
};

use crate::picture;

/// A text as HTML.
#[derive(Debug, Default)]
pub struct Rendered {
    /// What belongs into the page's `article`.
    pub html: String,
    /// The parts of the text, each from its heading to the next one.
    pub sections: Vec<Section>,
}

/// A heading with the text below it, up to the next heading of any level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// 1 for the page's own heading.
    pub level: u8,
    /// The heading's `id`; none for the page's own.
    pub anchor: Option<String>,
    /// The heading's words.
    pub title: String,
    /// Everything below it as plain text.
    pub text: String,
}

/// Renders a text.
pub fn render(markdown: &str) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES | Options::ENABLE_GFM;
    let mut renderer = Renderer::default();
    for event in Parser::new_ext(markdown, options) {
        renderer.take(event);
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    pulldown_cmark::html::push_html(&mut html, renderer.events.into_iter());
    Rendered { html, sections: renderer.sections }
}

/// Replaces some elements by our own markup and leaves the rest to `push_html`.
#[derive(Default)]
struct Renderer<'a> {
    events: Vec<Event<'a>>,
    sections: Vec<Section>,
    heading: Option<Heading<'a>>,
    code: Option<Code>,
    image: Option<Image>,
    tables: usize,
}

struct Heading<'a> {
    level: u8,
    anchor: Option<String>,
    title: String,
    inside: Vec<Event<'a>>,
}

struct Code {
    title: Option<String>,
    folded: Option<String>,
    text: String,
}

struct Image {
    source: String,
    alt: String,
}

impl<'a> Renderer<'a> {
    fn take(&mut self, event: Event<'a>) {
        self.note_words(&event);
        match event {
            Event::Start(Tag::Heading { level, id, .. }) => {
                let anchor = id.map(|id| id.to_string());
                self.heading =
                    Some(Heading { level: number(level), anchor, title: String::new(), inside: Vec::new() });
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::CodeBlock(kind)) => self.code = Some(Code::begin(&kind)),
            Event::End(TagEnd::CodeBlock) => self.end_code(),
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.image = Some(Image { source: dest_url.to_string(), alt: String::new() });
            }
            Event::End(TagEnd::Image) => self.end_image(),
            Event::Start(Tag::Table(alignments)) => {
                self.tables += 1;
                let label = self.label("Table", self.tables);
                self.html(html! { (PreEscaped(format!("<div class=\"docs-table\" role=\"group\" tabindex=\"0\" aria-label=\"{label}\">"))) });
                self.events.push(Event::Start(Tag::Table(alignments)));
            }
            Event::End(TagEnd::Table) => {
                self.events.push(Event::End(TagEnd::Table));
                self.html(PreEscaped("</div>".to_owned()));
            }
            Event::Start(Tag::BlockQuote(Some(kind))) => {
                let tone = tone(kind);
                self.html(PreEscaped(format!("<div class=\"notice\" data-tone=\"{tone}\"><div>")));
            }
            Event::End(TagEnd::BlockQuote(Some(_))) => self.html(PreEscaped("</div></div>".to_owned())),
            Event::Text(text) if self.code.is_some() => {
                if let Some(code) = &mut self.code {
                    code.text.push_str(&text);
                }
            }
            Event::Text(text) if self.image.is_some() => {
                if let Some(image) = &mut self.image {
                    image.alt.push_str(&text);
                }
            }
            event => match &mut self.heading {
                Some(heading) => heading.inside.push(event),
                None => self.events.push(event),
            },
        }
    }

    /// Collects what the search looks through.
    fn note_words(&mut self, event: &Event<'a>) {
        let words: &str = match event {
            Event::Text(text) | Event::Code(text) => text,
            Event::SoftBreak | Event::HardBreak | Event::End(_) => " ",
            _ => return,
        };
        if let Some(heading) = &mut self.heading {
            heading.title.push_str(words);
        } else if let Some(section) = self.sections.last_mut() {
            section.text.push_str(words);
        }
    }

    fn end_heading(&mut self) {
        let Some(Heading { level, anchor, title, inside }) = self.heading.take() else { return };
        let title = title.trim().to_owned();
        self.tables = 0;
        if level == 1 {
            self.html(PreEscaped("<h1>".to_owned()));
            self.events.extend(inside);
            self.html(PreEscaped("</h1>\n".to_owned()));
            self.sections.push(Section { level, anchor: None, title, text: String::new() });
            return;
        }
        let anchor = anchor.unwrap_or_else(|| slug(&title));
        // The link stands beside the heading, not in it, so that the heading's name stays its words.
        self.html(PreEscaped(format!("<div class=\"docs-heading\"><h{level} id=\"{anchor}\">")));
        self.events.extend(inside);
        self.html(html! {
            (PreEscaped(format!("</h{level}>")))
            a class="docs-anchor" href=(format!("#{anchor}")) aria-label=(format!("Link to “{title}”")) { "#" }
            (PreEscaped("</div>"))
        });
        self.sections.push(Section { level, anchor: Some(anchor), title, text: String::new() });
    }

    fn end_code(&mut self) {
        let Some(Code { title, folded, text }) = self.code.take() else { return };
        let label = title.clone().or_else(|| folded.clone()).unwrap_or_else(|| self.label("Code", 1));
        let wrap = if folded.is_some() { "code-text wrap" } else { "code-text" };
        let code = html! {
            div class="code" {
                @if let Some(title) = &title { p class="code-title" { (title) } }
                pre class=(wrap) tabindex="0" role="group" aria-label=(label) { (text.trim_end()) }
            }
        };
        self.html(match &folded {
            Some(words) => html! { details class="docs-folded" { summary { (words) } (code) } },
            None => code,
        });
    }

    fn end_image(&mut self) {
        let Some(Image { source, alt }) = self.image.take() else { return };
        let size = picture::size(&source);
        let image = html! {
            img src=(source) alt=(alt) width=[size.map(|(width, _)| width)] height=[size.map(|(_, height)| height)]
                loading="lazy" decoding="async";
        };
        self.events.push(Event::InlineHtml(CowStr::from(image.into_string())));
    }

    /// A name for something that has none of its own, by the heading above it.
    fn label(&self, what: &str, number: usize) -> String {
        let heading = self.sections.last().map_or("", |section| section.title.as_str());
        let heading = heading.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        if number > 1 { format!("{what} {number}: {heading}") } else { format!("{what}: {heading}") }
    }

    fn html(&mut self, markup: maud::Markup) {
        self.events.push(Event::Html(CowStr::from(markup.into_string())));
    }
}

impl Code {
    fn begin(kind: &CodeBlockKind<'_>) -> Self {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info,
            CodeBlockKind::Indented => "",
        };
        let value = |name: &str| {
            let (_, rest) = info.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        Self { title: value("title"), folded: value("folded"), text: String::new() }
    }
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

const fn tone(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note | BlockQuoteKind::Tip => "info",
        BlockQuoteKind::Important | BlockQuoteKind::Warning => "warn",
        BlockQuoteKind::Caution => "error",
    }
}

/// The anchor of a heading that names none.
pub fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Text that stands in a cell of a table.
pub fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_anchors_and_a_link_that_says_where_it_leads() {
        let html =
            render("# Page\n\n## Old secrets, \"new\" ones\n\n### An event {#new_participant_added}\n").html;
        assert!(html.starts_with("<h1>Page</h1>"), "{html}");
        assert!(html.contains(r#"<h2 id="old-secrets-new-ones">Old secrets, "new" ones</h2>"#), "{html}");
        assert!(html.contains(r##"<h3 id="new_participant_added">An event</h3><a class="docs-anchor" href="#new_participant_added" aria-label="Link to “An event”">#</a>"##), "{html}");
    }

    #[test]
    fn code_is_escaped_and_named() {
        let html = render(
            "# Page\n\n```js title=\"a.mjs\"\na < b && c\n```\n\n```json folded=\"As sent\"\n{}\n```\n",
        )
        .html;
        assert!(html.contains(r#"<p class="code-title">a.mjs</p><pre class="code-text" tabindex="0" role="group" aria-label="a.mjs">a &lt; b &amp;&amp; c</pre>"#), "{html}");
        assert!(html.contains(r#"<details class="docs-folded"><summary>As sent</summary>"#), "{html}");
    }

    #[test]
    fn tables_can_be_reached_and_have_different_names() {
        let table = "| a | b |\n|---|---|\n| `x\\|y` | 2 |\n\n";
        let html = render(&format!("# Page\n\n## Fields\n\n{table}{table}")).html;
        assert!(
            html.contains(
                r#"<div class="docs-table" role="group" tabindex="0" aria-label="Table: Fields"><table>"#
            ),
            "{html}"
        );
        assert!(html.contains("aria-label=\"Table 2: Fields\""), "{html}");
        assert!(html.contains("<code>x|y</code>"), "{html}");
    }

    #[test]
    fn sections_have_the_words_below_their_heading() {
        let sections = render("# Page\n\nOne `two`\nthree.\n\n## Next\n\n- four\n- five\n").sections;
        let words: Vec<_> = sections
            .iter()
            .map(|section| section.text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(words, ["One two three.", "four five"]);
        assert_eq!(sections[1].anchor.as_deref(), Some("next"));
    }

    #[test]
    fn tips_are_notices() {
        let html = render("> [!TIP]\n> Do it.\n").html;
        assert!(html.contains("<div class=\"notice\" data-tone=\"info\"><div>\n<p>Do it.</p>"), "{html}");
    }
}
