//! The search: all sections of all pages, in memory, looked through word by word.

use crate::markdown::Section;
use crate::page::Page;

/// A question is cut to this many characters; nobody types more.
const MAX_QUERY_CHARS: usize = 200;
/// More results than these nobody reads.
const MAX_HITS: usize = 20;
/// Characters of a section's text that are shown.
const SNIPPET_CHARS: usize = 180;

/// All sections.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
}

/// A section that can be found.
#[derive(Debug)]
struct Entry {
    address: String,
    page: &'static str,
    title: String,
    text: String,
    title_words: Vec<String>,
    text_words: Vec<String>,
    is_whole_page: bool,
}

/// What a search found.
#[derive(Debug)]
pub struct Found<'a> {
    /// Whether these have all the words, not only some.
    pub has_all: bool,
    /// The best first.
    pub hits: Vec<Hit<'a>>,
}

/// A section that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Page and anchor.
    pub address: &'a str,
    /// The page's title.
    pub page: &'static str,
    /// The section's heading.
    pub title: &'a str,
    /// Some of its text, in pieces.
    pub snippet: Vec<Piece>,
}

/// A piece of a snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text around what was looked for.
    Plain(String),
    /// What was looked for.
    Mark(String),
}

impl Index {
    /// Takes all sections in.
    pub fn new(pages: &[Page]) -> Self {
        let mut entries = Vec::new();
        for page in pages {
            let mut parent = "";
            for section in &page.sections {
                entries.push(Entry::new(page, section, parent));
                if section.level == 2 {
                    parent = &section.title;
                }
            }
        }
        Self { entries }
    }

    /// The sections with all words of the query, else those with any of them; the best first.
    pub fn find(&self, query: &str) -> Found<'_> {
        let query: String = query.chars().take(MAX_QUERY_CHARS).collect();
        let wanted: Vec<String> = words(&query);
        let scored = |needs_all: bool| -> Vec<(u32, &Entry)> {
            let score = |entry| score(entry, &wanted, needs_all).map(|score| (score, entry));
            self.entries.iter().filter_map(score).collect()
        };
        let mut found = scored(true);
        let has_all = !found.is_empty();
        if !has_all {
            found = scored(false);
        }
        // Equal ones stay in the order of the pages.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        Found {
            has_all,
            hits: found.into_iter().take(MAX_HITS).map(|(_, entry)| entry.hit(&wanted)).collect(),
        }
    }
}

impl Entry {
    /// `parent` is the heading above a section of a deeper level.
    fn new(page: &Page, section: &Section, parent: &str) -> Self {
        let address = match &section.anchor {
            Some(anchor) => format!("{}#{anchor}", page.address()),
            None => page.address(),
        };
        let text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (mut title_words, mut text_words) = (words(&section.title), words(&text));
        let title = if section.level > 2 {
            text_words.extend(words(parent));
            format!("{parent}: {}", section.title)
        } else {
            title_words.extend(section.anchor.iter().flat_map(|anchor| words(anchor)));
            section.title.clone()
        };
        let is_whole_page = section.anchor.is_none();
        Self { address, page: page.about.title, title, text, title_words, text_words, is_whole_page }
    }

    fn hit(&self, wanted: &[String]) -> Hit<'_> {
        Hit {
            address: &self.address,
            page: self.page,
            title: &self.title,
            snippet: snippet(&self.text, wanted),
        }
    }
}

/// How well a section fits: words of the heading count more than words of the text, whole words more than beginnings.
fn score(entry: &Entry, wanted: &[String], needs_all: bool) -> Option<u32> {
    let mut sum = 0;
    for word in wanted {
        let is_in = |words: &[String]| match () {
            () if words.contains(word) => Some(2),
            () if words.iter().any(|other| other.starts_with(word.as_str())) => Some(1),
            () => None,
        };
        let of_title = is_in(&entry.title_words).map_or(0, |points| points * 10);
        let of_text = is_in(&entry.text_words).map_or(0, |points| points * 2);
        let often = entry.text_words.iter().filter(|other| *other == word).take(4).count();
        let points = of_title + of_text + u32::try_from(often).unwrap_or(0);
        if points == 0 && needs_all {
            return None;
        }
        sum += points;
    }
    // Who looks for a page's own name wants its beginning.
    let bonus = if entry.is_whole_page && sum >= 20 { 5 } else { 0 };
    (sum > 0).then_some(sum + bonus)
}

/// The words of a text, in lower case. Names count as a whole and in their parts: `webhook-id`,
/// `new_participant_added`, `referredBy`.
fn words(text: &str) -> Vec<String> {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let names = text.split(|c: char| !is_of_name(c)).map(|name| name.trim_matches(['_', '-']));
    let whole_and_parts = |name: &str| std::iter::once(name.to_lowercase()).chain(parts(name));
    names.filter(|name| !name.is_empty()).flat_map(whole_and_parts).collect()
}

/// The parts of a name that has several.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins_next = c == '_' || c == '-' || (was_lower && c.is_uppercase());
        if begins_next {
            parts.push(String::new());
        }
        if c != '_'
            && c != '-'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    if parts.len() > 1 { parts } else { Vec::new() }
}

/// The part of the text around the first of the words, with all of them marked.
fn snippet(text: &str, wanted: &[String]) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let lower: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let marks = marks(&lower, wanted);
    let first = marks.first().map_or(0, |(from, _)| *from);
    let from = first.saturating_sub(SNIPPET_CHARS / 3);
    // Not from the middle of a word.
    let from =
        if from == 0 { 0 } else { (from..first).find(|at| chars[*at] == ' ').map_or(first, |at| at + 1) };
    let until = (from + SNIPPET_CHARS).min(chars.len());
    let until = if until == chars.len() {
        until
    } else {
        (first..until).rev().find(|at| chars[*at] == ' ').unwrap_or(until)
    };
    let piece = |from: usize, until: usize| chars[from..until].iter().collect::<String>();
    let mut pieces = Vec::new();
    if from > 0 {
        pieces.push(Piece::Plain("… ".to_owned()));
    }
    let mut at = from;
    for (begin, end) in marks.into_iter().filter(|(begin, end)| *begin >= from && *end <= until) {
        if begin > at {
            pieces.push(Piece::Plain(piece(at, begin)));
        }
        pieces.push(Piece::Mark(piece(begin, end)));
        at = end;
    }
    if until > at {
        pieces.push(Piece::Plain(piece(at, until)));
    }
    if until < chars.len() {
        pieces.push(Piece::Plain(" …".to_owned()));
    }
    pieces
}

/// Where words begin with one of those wanted: first and behind last character, in order, none over another.
fn marks(lower: &[char], wanted: &[String]) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    let mut at = 0;
    let is_inside = |at: usize| at > 0 && lower[at - 1].is_alphanumeric();
    while at < lower.len() {
        let longest = wanted
            .iter()
            .filter(|word| {
                !is_inside(at) && word.chars().enumerate().all(|(i, c)| lower.get(at + i) == Some(&c))
            })
            .map(|word| word.chars().count())
            .max();
        match longest {
            Some(length) => {
                marks.push((at, at + length));
                at += length;
            }
            None => at += 1,
        }
    }
    marks
}
