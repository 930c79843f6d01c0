//! The catalogue of texts: `catalogue/<language>/<area>.toml`, a key for each text. This crate reads it, checks that
//! every language says all that English says, and writes the Rust that the app shows texts with. Used while the app
//! and the site are built, and by tests; nothing of it is in the product.
//!
//! A text is a line, or a table of plural forms by CLDR's categories:
//!
//! ```toml
//! title = "Programs"
//! at_most = "A program has at most {most, number} webhooks."
//! sent_to = "Sent to {url}."
//! last_success = "last success {time, view}"
//! no_match = "Choose other filters, or <all>show all deliveries</all>."
//! changes = { one = "{count, number} change", other = "{count, number} changes" }
//! ```
//!
//! `{name}` is filled with text, `{name, number}` with a number written as the language writes it, `{name, view}` with
//! an element, and `<name>…</name>` becomes an element around the words. Each text is a method of `Texts`, named
//! `<area>_<key>`, whose arguments are its placeholders in the order English has them.
//!
//! The area `said` has no methods: its English texts are the sentences of the server that pages show, and the app
//! finds their translation by matching them.

mod check;
mod generate;
mod template;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use template::{Piece, Slot, Text};

/// All languages, English first; the app's `Language` has the same order.
pub const LANGUAGES: [&str; 3] = ["en", "de", "es"];

/// The area whose English texts are matched instead of being asked for by key.
pub const SAID: &str = "said";

/// The areas that only the server shows, in letters and on pages without a browser half. In the browser half they have no
/// methods, and it does not load them.
pub const OF_SERVER: [&str; 12] = [
    "account",
    "audit",
    "incidents",
    "invitation",
    "keys",
    "mail",
    "members",
    "notify",
    "privacy",
    "sessions",
    "sign_in",
    "status",
];

/// CLDR's plural categories that the languages have, in the order in which forms stand in what is generated.
pub const CATEGORIES: [&str; 3] = ["one", "many", "other"];

/// The categories each language needs, sorted. Spanish has `many` for whole millions: "1.000.000 de entregas".
const fn needed_categories(language: usize) -> &'static [&'static str] {
    match language {
        2 => &["many", "one", "other"],
        _ => &["one", "other"],
    }
}

/// The texts of one language, by area and key.
pub type Texts = BTreeMap<(String, String), Text>;

/// The texts of all languages.
#[derive(Debug)]
pub struct Catalogue {
    /// In the order of [`LANGUAGES`].
    languages: Vec<Texts>,
}

/// Why a catalogue cannot be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// A file or directory cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Texts are missing or wrong; each in a line that names file and key.
    #[error("the catalogue is not complete:\n  {}", .0.join("\n  "))]
    Incomplete(Vec<String>),
}

impl Catalogue {
    /// Reads and checks the catalogue in `directory`.
    pub fn read(directory: &Path) -> Result<Self, CatalogueError> {
        let mut offences = Vec::new();
        let mut languages = Vec::new();
        for language in LANGUAGES {
            let mut texts = Texts::new();
            for area in areas(directory, language)? {
                area.read(&mut texts, &mut offences);
            }
            languages.push(texts);
        }
        Self::checked(languages, offences)
    }

    fn checked(languages: Vec<Texts>, mut offences: Vec<String>) -> Result<Self, CatalogueError> {
        check::check(&languages, &mut offences);
        if offences.is_empty() { Ok(Self { languages }) } else { Err(CatalogueError::Incomplete(offences)) }
    }

    /// The names of all methods that are generated.
    pub fn methods(&self) -> impl Iterator<Item = String> {
        self.languages[0].keys().filter(|(area, _)| area != SAID).map(|(area, key)| format!("{area}_{key}"))
    }

    /// The texts of the language at that place of [`LANGUAGES`].
    pub fn texts(&self, language: usize) -> &Texts {
        &self.languages[language]
    }

    /// The file of texts that the browser half loads for the language at that place of [`LANGUAGES`]: a line for each text,
    /// three for one with plural forms, where the methods of `Texts` expect them.
    pub fn of_browser(&self, language: usize) -> String {
        generate::of_browser(&self.languages, language).join("\n")
    }

    /// The methods of `Texts`, as Rust.
    pub fn generate(&self) -> String {
        generate::generate(&self.languages)
    }
}

/// A file of one language.
struct Area {
    /// As messages name it, for example `de/log.toml`.
    file: String,
    name: String,
    source: String,
}

/// A language's files.
fn areas(directory: &Path, language: &str) -> Result<Vec<Area>, CatalogueError> {
    let directory = directory.join(language);
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| CatalogueError::Unreadable { path, source }
    };
    let mut areas = Vec::new();
    for entry in fs::read_dir(&directory).map_err(unreadable(&directory))? {
        let path = entry.map_err(unreadable(&directory))?.path();
        if let (Some(stem), Some("toml")) = (path.file_stem(), path.extension().and_then(|it| it.to_str())) {
            let name = stem.to_string_lossy().into_owned();
            let source = fs::read_to_string(&path).map_err(unreadable(&path))?;
            areas.push(Area { file: format!("{language}/{name}.toml"), name, source });
        }
    }
    areas.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(areas)
}

impl Area {
    /// Adds the texts of the file to `texts`, and what is wrong with it to `offences`.
    fn read(self, texts: &mut Texts, offences: &mut Vec<String>) {
        let Self { file, name, source } = self;
        let table: toml::Table = match source.parse() {
            Ok(table) => table,
            Err(error) => return offences.push(format!("{file}: {error}")),
        };
        for (key, value) in table {
            match Text::read(&value) {
                Ok(text) => drop(texts.insert((name.clone(), key), text)),
                Err(why) => offences.push(format!("{file}: {key}: {why}")),
            }
        }
    }
}

#[cfg(test)]
mod testing {
    use super::{Area, Texts};

    /// The texts of a file of the area `area`, which have to be readable.
    pub fn texts(source: &str) -> Texts {
        let (mut texts, mut offences) = (Texts::new(), Vec::new());
        let area = Area { file: "area.toml".to_owned(), name: "area".to_owned(), source: source.to_owned() };
        area.read(&mut texts, &mut offences);
        assert!(offences.is_empty(), "{offences:?}");
        texts
    }
}
