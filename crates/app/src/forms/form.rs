//! The fields of a posted form. Without a word of the crate around it: the fuzzers include this file as it is.

/// The fields of a form, in the order in which they stood.
pub struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads what a browser posts.
    pub fn read(body: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(body);
        Self { fields: fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    /// The first field of that name; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// All fields, in the order in which they stood.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All fields of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Path and query of one of our pages; the first page's when `back` leads elsewhere.
pub fn own_page(back: &str) -> String {
    let base = url::Url::parse("http://here.invalid/").expect("this is a URL");
    let own = base.join(back).ok().filter(|url| url.origin() == base.origin());
    // A path that begins with two slashes would name another host.
    let own = own.filter(|url| back.starts_with('/') && !url.path().starts_with("//"));
    own.map_or("/".to_owned(), |url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn a_choice_leads_back_to_our_own_pages_only() {
        for own in ["/", "/programs/p1/deliveries?state=held&next=dlv_1", "/sign-in?token=a%20b"] {
            assert_eq!(own_page(own), own);
        }
        for other in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "javascript:alert(1)",
            "evil",
            "http://here.invalid//evil.example",
        ] {
            assert_eq!(own_page(other), "/", "{other}");
        }
        assert_eq!(own_page("/a\r\nSet-Cookie: b"), "/aSet-Cookie:%20b");
    }
}
