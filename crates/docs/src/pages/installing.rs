//! How the server is run for good: in containers, under systemd, on Kubernetes, behind a proxy. The files are those of
//! `deploy/`, which are tried as they are.

use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "installing",
    title: "Installing",
    description: "Run Groundswell with Docker, systemd or Kubernetes, behind nginx or Caddy, on SQLite or PostgreSQL.",
    group: Group::Guides,
};

/// Where the text has `{{NAME}}`, and the file that comes there.
const FILES: [(&str, &str); 4] = [
    ("compose", include_str!("../../../../deploy/compose.yaml")),
    ("unit", include_str!("../../../../deploy/systemd/groundswell.service")),
    ("nginx", include_str!("../../../../deploy/nginx/groundswell.conf")),
    ("caddy", include_str!("../../../../deploy/caddy/Caddyfile")),
];

/// The page's text.
pub fn text() -> String {
    let text = include_str!("../../text/installing.md").to_owned();
    FILES.iter().fold(text, |text, (name, file)| text.replace(&format!("{{{{{name}}}}}"), file.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_its_place() {
        let text = text();
        for (name, file) in FILES {
            assert!(text.contains(file.trim_end()), "{name}");
        }
        assert!(!text.contains("{{compose}}") && !text.contains("{{caddy}}"));
    }
}
