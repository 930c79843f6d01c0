//! The addresses of inboxes: which URL is which program's.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use groundswell_types::ProgramId;
use url::Url;

/// Characters of an address's last part, 5 random bits each.
const TOKEN_CHARS: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// What every address begins with; none when there are no inboxes.
    prefix: Option<String>,
    tokens: RwLock<Tokens>,
}

#[derive(Debug, Default)]
struct Tokens {
    by_program: BTreeMap<ProgramId, String>,
    programs: BTreeMap<String, ProgramId>,
}

impl Addresses {
    /// None yet.
    pub(super) fn new(public_url: Option<&Url>) -> Self {
        let prefix = public_url.map(|url| format!("{}/inbox/", url.as_str().trim_end_matches('/')));
        Self { prefix, tokens: RwLock::default() }
    }

    /// Whether there can be any.
    pub(super) const fn are_there(&self) -> bool {
        self.prefix.is_some()
    }

    /// The address of a program's inbox, if it has been made.
    pub(super) fn url(&self, program: &ProgramId) -> Option<String> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        Some(format!("{}{}", self.prefix.as_ref()?, tokens.by_program.get(program)?))
    }

    /// Whose inbox has exactly this address, without a query, a fragment or a user's name.
    pub(super) fn program_at(&self, url: &Url) -> Option<ProgramId> {
        self.program_with(self.token_in(url)?)
    }

    /// What a URL ends in that begins as every address does.
    pub(super) fn token_in<'url>(&self, url: &'url Url) -> Option<&'url str> {
        url.as_str().strip_prefix(self.prefix.as_ref()?)
    }

    /// Whose inbox's address ends in this.
    pub(super) fn program_with(&self, token: &str) -> Option<ProgramId> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).programs.get(token).cloned()
    }

    /// Gives a program an address in the place of the one it has.
    pub(super) fn put(&self, program: ProgramId, token: String) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = tokens.by_program.insert(program.clone(), token.clone()) {
            tokens.programs.remove(&before);
        }
        tokens.programs.insert(token, program);
    }

    /// No inbox's address ends in this.
    pub(super) fn remove(&self, token: &str) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = tokens.programs.remove(token) {
            tokens.by_program.remove(&program);
        }
    }
}

/// The last part of a new address.
pub(super) fn new_token() -> String {
    crate::id::random_text(TOKEN_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(id: &str) -> ProgramId {
        ProgramId::parse(id).expect("a valid id")
    }

    fn at(addresses: &Addresses, url: &str) -> Option<ProgramId> {
        addresses.program_at(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn only_the_exact_url_of_an_inbox_that_there_is_is_its_address() {
        let addresses = Addresses::new(Url::parse("http://127.0.0.1:3000").ok().as_ref());
        addresses.put(program("p1"), "abc".to_owned());
        assert_eq!(addresses.url(&program("p1")).as_deref(), Some("http://127.0.0.1:3000/inbox/abc"));
        for same in ["http://127.0.0.1:3000/inbox/abc", "HTTP://127.1:3000/x/../inbox/abc"] {
            assert_eq!(at(&addresses, same), Some(program("p1")), "{same}");
        }
        for other in [
            "https://127.0.0.1:3000/inbox/abc",
            "http://127.0.0.1/inbox/abc",
            "http://127.0.0.1:3001/inbox/abc",
            "http://localhost:3000/inbox/abc",
            "http://127.0.0.1:3000/inbox/abc/",
            "http://127.0.0.1:3000/inbox/abc?a",
            "http://127.0.0.1:3000/inbox/abc#a",
            "http://127.0.0.1:3000/inbox/ABC",
            "http://127.0.0.1:3000/inbox/",
            "http://127.0.0.1:3000/inbox//abc",
            "http://127.0.0.1:3000//inbox/abc",
            "http://127.0.0.1:3000/inbox/ab%63",
            "http://user@127.0.0.1:3000/inbox/abc",
            "http://127.0.0.1:3000@evil.example/inbox/abc",
            "http://127.0.0.1:3000/v2/campaigns",
        ] {
            assert_eq!(at(&addresses, other), None, "{other}");
        }
    }

    #[test]
    fn a_replaced_address_is_nobodys() {
        let addresses = Addresses::new(Url::parse("https://example.com/hooks").ok().as_ref());
        addresses.put(program("p1"), "old".to_owned());
        addresses.put(program("p1"), "new".to_owned());
        assert_eq!(at(&addresses, "https://example.com/hooks/inbox/old"), None);
        assert_eq!(at(&addresses, "https://example.com:443/hooks/inbox/new"), Some(program("p1")));
        assert!(new_token().len() == TOKEN_CHARS && new_token() != new_token());
    }
}
