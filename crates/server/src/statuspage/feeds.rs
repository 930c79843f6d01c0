//! What was said of the service as feeds: RSS 2.0 and Atom (RFC 4287). An incident is one entry, whose content is all that
//! was said of it, so a reader shows it anew when something is added.

use std::time::{Duration, UNIX_EPOCH};

use groundswell_app::time::machine;
use groundswell_types::{Incident, IncidentUpdate};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Page, words};

const TITLE: &str = "Groundswell System Status";

const ABOUT: &str = "Incidents and maintenance";

/// So many entries of a feed are about what is over.
const ENDED_SHOWN: usize = 50;

type Xml = Writer<Vec<u8>>;

/// RSS 2.0.
pub fn rss(page: &Page<'_>) -> Vec<u8> {
    written(|xml| {
        let atom = ("xmlns:atom", "http://www.w3.org/2005/Atom");
        element(xml, ("rss", &[("version", "2.0"), atom]), |xml| {
            element(xml, ("channel", &[]), |xml| {
                say(xml, "title", TITLE)?;
                say(xml, "link", &page.url())?;
                say(xml, "description", ABOUT)?;
                say(xml, "language", "en")?;
                let own = format!("{}/status/history.rss", page.public_url);
                let own = [("rel", "self"), ("type", "application/rss+xml"), ("href", own.as_str())];
                xml.create_element("atom:link").with_attributes(own).write_empty()?;
                say(xml, "lastBuildDate", &mail_date(page.status.updated_at_ms))?;
                entries(&page.status.incidents).into_iter().try_for_each(|incident| item(xml, page, incident))
            })
        })
    })
}

/// What is open, and of what is over that of which something was said last; in the order in which something was said.
fn entries(incidents: &[Incident]) -> Vec<&Incident> {
    let mut all: Vec<&Incident> = incidents.iter().collect();
    all.sort_by_key(|incident| std::cmp::Reverse(incident.updated_at));
    let mut left = ENDED_SHOWN;
    all.retain(|incident| {
        let is_shown = incident.ended_at.is_none() || left > 0;
        left = left.saturating_sub(usize::from(incident.ended_at.is_some()));
        is_shown
    });
    all
}

fn item(xml: &mut Xml, page: &Page<'_>, incident: &Incident) -> std::io::Result<()> {
    let url = page.url_of(incident.id);
    element(xml, ("item", &[]), |xml| {
        say(xml, "title", &incident.name)?;
        say(xml, "link", &url)?;
        say(xml, "guid", &url)?;
        // RSS has no date of a change, so readers take this one for it.
        say(xml, "pubDate", &mail_date(incident.updated_at))?;
        say(xml, "description", &html(incident))
    })
}

/// Atom.
pub fn atom(page: &Page<'_>) -> Vec<u8> {
    let own = format!("{}/status/history.atom", page.public_url);
    let namespace = [("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", "en")];
    written(|xml| {
        element(xml, ("feed", &namespace), |xml| {
            say(xml, "id", &own)?;
            say(xml, "title", TITLE)?;
            say(xml, "subtitle", ABOUT)?;
            say(xml, "updated", &machine(page.status.updated_at_ms))?;
            link(xml, "self", &own)?;
            link(xml, "alternate", &page.url())?;
            element(xml, ("author", &[]), |xml| say(xml, "name", "Groundswell"))?;
            entries(&page.status.incidents).into_iter().try_for_each(|incident| entry(xml, page, incident))
        })
    })
}

fn entry(xml: &mut Xml, page: &Page<'_>, incident: &Incident) -> std::io::Result<()> {
    let url = page.url_of(incident.id);
    element(xml, ("entry", &[]), |xml| {
        say(xml, "id", &url)?;
        say(xml, "title", &incident.name)?;
        say(xml, "published", &machine(incident.created_at))?;
        say(xml, "updated", &machine(incident.updated_at))?;
        link(xml, "alternate", &url)?;
        let content = xml.create_element("content").with_attribute(("type", "html"));
        content.write_text_content(BytesText::new(&allowed(&html(incident))))?;
        Ok(())
    })
}

fn link(xml: &mut Xml, relation: &str, to: &str) -> std::io::Result<()> {
    xml.create_element("link").with_attributes([("rel", relation), ("href", to)]).write_empty()?;
    Ok(())
}

fn say(xml: &mut Xml, name: &str, text: &str) -> std::io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(&allowed(text)))?;
    Ok(())
}

fn element(
    xml: &mut Xml,
    (name, attributes): (&str, &[(&str, &str)]),
    content: impl FnOnce(&mut Xml) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let element = xml.create_element(name).with_attributes(attributes.iter().copied());
    element.write_inner_content(content)?;
    Ok(())
}

fn written(content: impl FnOnce(&mut Xml) -> std::io::Result<()>) -> Vec<u8> {
    let mut xml = Writer::new(Vec::new());
    let declaration = Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None));
    xml.write_event(declaration).and_then(|()| content(&mut xml)).expect("a vector takes everything");
    xml.into_inner()
}

/// What was said of it, as HTML, newest first. A reader's program may show it in a page of its own, so of what was typed
/// nothing is markup.
fn html(incident: &Incident) -> String {
    let scheduled = incident.schedule.map(|schedule| {
        let (from, until) = (machine(schedule.from), machine(schedule.until));
        format!("<p>Scheduled from {from} until {until}</p>")
    });
    let updates = incident.updates.iter().map(|IncidentUpdate { at, status, message, .. }| {
        let message = quick_xml::escape::escape(message.as_str()).replace('\n', "<br>");
        format!("<p><strong>{}</strong> ({})<br>{message}</p>", words::progress(*status), machine(*at))
    });
    scheduled.into_iter().chain(updates).collect()
}

/// Of Unicode, what XML 1.0 can hold.
fn allowed(text: &str) -> String {
    let is_allowed = |char: &char| !matches!(char, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    text.chars().map(|char| if is_allowed(&char) { char } else { '\u{fffd}' }).collect()
}

/// A date as mails and RSS have it.
fn mail_date(at_ms: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at_ms.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use groundswell_types::{Impact, IncidentId, IncidentStatus, Progress};

    use super::*;

    #[test]
    fn a_feed_has_everything_that_is_open_and_what_something_was_said_of_last() {
        let incident = |(number, updated_at, ended_at)| Incident {
            id: IncidentId::from_number(number),
            name: String::new(),
            status: Progress::Incident(IncidentStatus::Investigating),
            impact: Impact::Minor,
            components: Vec::new(),
            schedule: None,
            created_at: number,
            updated_at,
            started_at: Some(number),
            monitoring_at: None,
            ended_at,
            updates: Vec::new(),
        };
        // Of 60 that are over, the third had its last word last; the oldest of all is still open.
        let mut all: Vec<Incident> = (2..62).rev().map(|at| incident((at, at, Some(at)))).collect();
        all[57] = incident((4, 100, Some(100)));
        all.push(incident((1, 1, None)));
        let shown: Vec<i64> = entries(&all).iter().map(|incident| incident.id.number()).collect();
        assert_eq!(shown.len(), 51);
        assert_eq!((shown[0], shown[1], shown[50]), (4, 61, 1));
    }
}
