//! What people and programs see: lines on standard output, colours where a person looks, JSON where a program reads.

use std::io::{IsTerminal as _, Write};

use serde::Serialize;

use crate::failure::Failure;

/// How a command prints.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
    /// No colours, as when the output is no terminal.
    // A variable that is not empty counts, whatever it says: <https://no-color.org>.
    #[arg(long, env = "NO_COLOR", hide_env = true, value_parser = is_set)]
    no_color: bool,
}

/// A flag that is not there is `false` to clap.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn is_set(text: &str) -> Result<bool, std::convert::Infallible> {
    Ok(!text.is_empty() && text != "false")
}

/// How a piece of a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// It may need somebody.
    Doubtful,
    /// It failed.
    Bad,
    /// Beside the point.
    Faint,
    /// The point.
    Strong,
}

/// Where a command's output goes.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    is_colored: bool,
    is_json: bool,
}

impl Terminal {
    /// Standard output.
    pub fn new(output: &Output) -> Self {
        let out = std::io::stdout();
        let is_colored = !output.no_color && !output.json && out.is_terminal();
        Self { out: Box::new(out), is_colored, is_json: output.json }
    }

    /// Whether a program reads.
    pub const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Writes a line at once: listening has no end at which it would be flushed.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// Writes a value on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
        self.line(&text)
    }

    /// A piece of a line with its colour.
    pub fn toned(&self, tone: Tone, text: &str) -> String {
        if !self.is_colored {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// One line on standard error that says how far a long command is, for a person who waits. Programs, files and pipes get
/// nothing of it.
pub struct Progress {
    is_shown: bool,
    /// The letters that the next text has to cover.
    length: usize,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(output: &Output) -> Self {
        Self { is_shown: !output.json && std::io::stderr().is_terminal(), length: 0 }
    }

    /// Puts a text in the place of the one before.
    pub fn show(&mut self, text: &str) {
        if self.is_shown {
            let length = text.chars().count();
            // Whoever cannot be told how far it is can do without.
            let _ = write!(std::io::stderr(), "\r{text:0$}", self.length.max(length));
            self.length = length;
        }
    }
}

impl Drop for Progress {
    /// Takes the line away, so that what is said next stands alone.
    fn drop(&mut self) {
        if self.length > 0 {
            let _ = write!(std::io::stderr(), "\r{:1$}\r", "", self.length);
        }
    }
}

/// What came from somewhere else, for a line of its own: nothing in it can move the cursor or change colours.
pub fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Says on standard error what went wrong.
pub fn complain(text: &str) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr(), "groundswell: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_counts_when_it_says_anything() {
        assert_eq!(["", "1", "0", "yes"].map(|text| is_set(text) == Ok(true)), [false, true, true, true]);
    }

    #[test]
    fn colours_are_for_terminals() {
        let mut terminal = Terminal { out: Box::new(std::io::sink()), is_colored: false, is_json: false };
        assert_eq!(terminal.toned(Tone::Bad, "no"), "no");
        terminal.is_colored = true;
        assert_eq!(terminal.toned(Tone::Bad, "no"), "\u{1b}[31mno\u{1b}[0m");
    }

    #[test]
    fn what_a_stranger_wrote_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
