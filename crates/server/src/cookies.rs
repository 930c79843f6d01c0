//! Our cookies: their names, how they are written and how they are read. Nothing else names or writes one.
//!
//! Over https their names begin with `__Host-` (draft-ietf-httpbis-rfc6265bis, section 4.1.3.2): browsers then take them
//! only from this very host, with `Secure`, for all paths, so no neighbouring subdomain can plant one. Over plain http, on
//! one's own machine, clients refuse `Secure` and that prefix, so they have neither.

use groundswell_engine::access::{Begun, DEVICE_MS, SESSION_MS};
use http::HeaderMap;
use http::header::COOKIE;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Who is signed in.
    Session,
    /// Marks a browser that has signed in before.
    Device,
    /// What a sign-in through somebody else's provider began with, until they come back from there.
    ProviderSignIn,
    /// Who came by an editor link, inside the page of a host product.
    Editor,
    /// The language that somebody chose.
    Language,
}

/// The cookies of a server, by how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// Its public URL begins with `https://`.
    OverHttps,
    /// Its public URL begins with `http://`.
    OverHttp,
}

impl Cookies {
    /// Those of the server with that public URL.
    pub fn of(public_url: &str) -> Self {
        if public_url.starts_with("https://") { Self::OverHttps } else { Self::OverHttp }
    }

    /// What browsers call it.
    pub const fn name(self, cookie: Cookie) -> &'static str {
        match (self, cookie) {
            (Self::OverHttps, Cookie::Session) => "__Host-groundswell_session",
            (Self::OverHttp, Cookie::Session) => "groundswell_session",
            (Self::OverHttps, Cookie::Device) => "__Host-groundswell_device",
            (Self::OverHttp, Cookie::Device) => "groundswell_device",
            (Self::OverHttps, Cookie::ProviderSignIn) => "__Host-groundswell_provider_sign_in",
            (Self::OverHttp, Cookie::ProviderSignIn) => "groundswell_provider_sign_in",
            // Other sites' frames get cookies with `Secure` only, and browsers take those over http from loopback, too.
            (_, Cookie::Editor) => "__Host-groundswell_editor",
            (Self::OverHttps, Cookie::Language) => "__Host-groundswell_language",
            (Self::OverHttp, Cookie::Language) => "groundswell_language",
        }
    }

    /// The value of a `Set-Cookie` that has browsers keep `value` for so many seconds. The value is of characters that
    /// cookies may have (RFC 6265, section 4.1.1), as tokens and tags are.
    pub fn set(self, cookie: Cookie, value: &str, max_age_s: i64) -> String {
        let attributes = match (self, cookie) {
            (_, Cookie::Editor) => "; Secure; SameSite=None; Partitioned",
            // Says something of the browser, which no other site has a reason to make it send.
            (Self::OverHttps, Cookie::Device) => "; Secure; SameSite=Strict",
            (Self::OverHttp, Cookie::Device) => "; SameSite=Strict",
            // Not strict: links from elsewhere, and the way back from a provider, lead to somebody who is signed in.
            (Self::OverHttps, _) => "; Secure; SameSite=Lax",
            (Self::OverHttp, _) => "; SameSite=Lax",
        };
        format!("{}={value}; Path=/; HttpOnly; Max-Age={max_age_s}{attributes}", self.name(cookie))
    }

    /// The values of `Set-Cookie` that have a browser keep a session that has begun, and remember that it had one.
    pub fn signed_in(self, begun: &Begun) -> Vec<String> {
        vec![self.set(Cookie::Session, &begun.token, SESSION_MS / 1000), self.known_device(&begun.device)]
    }

    /// The value of a `Set-Cookie` that marks a browser as one that has signed in.
    pub fn known_device(self, token: &str) -> String {
        self.set(Cookie::Device, token, DEVICE_MS / 1000)
    }

    /// The value of a `Set-Cookie` that has browsers forget it. All but its value must be as it was set.
    pub fn forget(self, cookie: Cookie) -> String {
        self.set(cookie, "", 0)
    }

    /// What a request brings of it.
    pub fn read(self, cookie: Cookie, headers: &HeaderMap) -> Option<&str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name(cookie))
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ALL: [Cookie; 5] =
        [Cookie::Session, Cookie::Device, Cookie::ProviderSignIn, Cookie::Editor, Cookie::Language];

    fn request(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn over_https_every_cookie_belongs_to_this_host_alone() {
        let cookies = Cookies::of("https://groundswell.example/under");
        for cookie in ALL {
            let set = cookies.set(cookie, "v", 60);
            let has = |attribute| set.split("; ").any(|it| it == attribute);
            assert!(set.starts_with("__Host-groundswell_"), "{set}");
            assert!(has("Secure") && has("HttpOnly") && has("Path=/") && has("Max-Age=60"), "{set}");
            assert!(!set.contains("Domain"), "{set}");
        }
    }

    #[test]
    fn over_http_a_cookie_is_one_that_clients_take_there() {
        let cookies = Cookies::of("http://127.0.0.1:8080");
        for cookie in ALL.into_iter().filter(|cookie| *cookie != Cookie::Editor) {
            let set = cookies.set(cookie, "v", 60);
            assert!(set.starts_with("groundswell_") && set.contains("; HttpOnly"), "{set}");
            assert!(!set.contains("Secure"), "{set}");
        }
        assert_eq!(
            cookies.set(Cookie::Session, "v", 60),
            "groundswell_session=v; Path=/; HttpOnly; Max-Age=60; SameSite=Lax"
        );
    }

    #[test]
    fn other_sites_send_the_editors_cookie_only_and_only_from_a_frame_of_theirs() {
        for cookies in [Cookies::OverHttps, Cookies::OverHttp] {
            for cookie in ALL {
                let set = cookies.set(cookie, "v", 60);
                let wanted = match cookie {
                    Cookie::Editor => "; Secure; SameSite=None; Partitioned",
                    Cookie::Device => "; SameSite=Strict",
                    _ => "; SameSite=Lax",
                };
                assert!(set.ends_with(wanted), "{set}");
            }
            assert_eq!(cookies.name(Cookie::Editor), "__Host-groundswell_editor");
        }
    }

    #[test]
    fn what_is_forgotten_is_what_was_set() {
        for cookies in [Cookies::OverHttps, Cookies::OverHttp] {
            for cookie in ALL {
                let forgotten = cookies.forget(cookie);
                let set = cookies.set(cookie, "v", 60);
                assert_eq!(forgotten, set.replace("=v;", "=;").replace("Max-Age=60", "Max-Age=0"));
            }
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers =
            request(&["a=1; xgroundswell_session=2;groundswell_session=3; b", "groundswell_language=de"]);
        assert_eq!(Cookies::OverHttp.read(Cookie::Session, &headers), Some("3"));
        assert_eq!(Cookies::OverHttp.read(Cookie::Language, &headers), Some("de"));
        assert_eq!(Cookies::OverHttp.read(Cookie::Device, &headers), None);
    }

    #[test]
    fn over_https_a_cookie_that_a_neighbour_could_have_planted_is_none() {
        let headers = request(&["groundswell_session=planted; __host-groundswell_session=planted"]);
        assert_eq!(Cookies::OverHttps.read(Cookie::Session, &headers), None);
        let headers = request(&["groundswell_session=planted; __Host-groundswell_session=own"]);
        assert_eq!(Cookies::OverHttps.read(Cookie::Session, &headers), Some("own"));
    }
}
