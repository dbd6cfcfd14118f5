//! What must hold for every page, shown on every sample.

use std::collections::BTreeSet;

use super::sample_pages;
use crate::{asset, asset_names};

fn pages() -> Vec<(&'static str, String)> {
    sample_pages().map(|(name, html)| (name, html.unwrap().to_string())).collect()
}

/// The text between each `start` and the next `end`.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// Names without the hash, so that snapshots change with pages and not with assets.
fn without_hashes(html: &str) -> String {
    let mut text = html.to_owned();
    for name in asset_names() {
        if let Some((stem, hash)) = name.rsplit_once('-') {
            let extension = hash.rsplit_once('.').map_or("", |(_, extension)| extension);
            text = text.replace(name, &format!("{stem}.{extension}"));
        }
    }
    text
}

/// Drops the lines that only hold template statements.
fn readable(html: &str) -> String {
    let lines = html.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn pages_look_as_approved() {
    for (name, html) in pages() {
        insta::assert_snapshot!(name, readable(&without_hashes(&html)));
    }
}

#[test]
fn sample_names_are_unique() {
    let names: Vec<_> = pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn no_page_needs_more_than_the_policy_gives() {
    for (name, html) in pages() {
        for forbidden in
            ["style=", "<style", " onclick", " onload", " onsubmit", "javascript:", "<base", "<iframe", "<object"]
        {
            assert!(!html.contains(forbidden), "{name} has {forbidden}");
        }
        for script in between(&html, "<script", "</script>") {
            assert!(script.contains(" src=\"/assets/") && script.ends_with('>'), "{name} has an inline script");
        }
    }
}

#[test]
fn every_linked_asset_is_embedded() {
    for (name, html) in pages() {
        for path in between(&html, "\"/assets/", "\"") {
            let file = path.split('#').next().unwrap();
            assert!(asset(file).is_some_and(|asset| asset.immutable), "{name} links {file}");
        }
    }
}

#[test]
fn the_sprite_holds_exactly_the_icons_in_use() {
    let sprite = asset(asset_names().find(|name| name.starts_with("icons-")).unwrap()).unwrap();
    let sprite = std::str::from_utf8(sprite.bytes).unwrap();
    let held: BTreeSet<_> = between(sprite, "<symbol id=\"", "\"").collect();
    let pages = pages();
    let used: BTreeSet<_> = pages
        .iter()
        .flat_map(|(_, html)| between(html, "<use href=\"", "\""))
        .filter_map(|href| href.split_once('#'))
        .map(|(_, id)| id)
        .collect();
    assert_eq!(held, used);
}

#[test]
fn every_post_form_carries_the_token() {
    for (name, html) in pages() {
        for form in between(&html, "method=\"post\"", "</form>") {
            assert!(
                form.contains("<input type=\"hidden\" name=\"csrf_token\" value=\"sample-token\">"),
                "{name} has a form without the token"
            );
        }
    }
}

#[test]
fn whatever_was_denied_leads_to_its_why() {
    let mut denied = 0;
    for (name, html) in pages() {
        for row in between(&html, "<tr", "</tr>").filter(|row| row.contains("Denied</span>")) {
            assert!(row.contains(" href=\"/why/"), "{name}: a denial without its why: {row}");
            denied += 1;
        }
        for form in between(&html, "<form", "</form>").filter(|form| form.contains("id=\"form-error-")) {
            let links: Vec<_> = between(form, "<a class=\"link\" href=\"", "\"").collect();
            assert!(links.iter().all(|link| link.starts_with("/why/")), "{name}: {links:?}");
        }
    }
    assert!(denied > 1, "samples have denials");
}

/// Most bytes of a page with all that it needs at a first visit, fonts apart, as they are: nothing is compressed on the
/// way, so that no answer's length tells of a secret in it.
const MOST_BYTES: usize = 150_000;

#[test]
fn a_first_visit_weighs_little() {
    for (name, html) in pages() {
        let linked: BTreeSet<_> =
            between(&html, "\"/assets/", "\"").filter_map(|path| path.split('#').next()).collect();
        let assets = linked.into_iter().filter(|file| !file.ends_with(".woff2"));
        let weight: usize = html.len() + assets.filter_map(asset).map(|asset| asset.bytes.len()).sum::<usize>();
        assert!(weight < MOST_BYTES, "{name} weighs {weight} bytes");
    }
}

#[test]
fn ids_are_unique_in_a_page() {
    for (name, html) in pages() {
        let ids: Vec<_> = between(&html, " id=\"", "\"").collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{name}: {ids:?}");
    }
}

#[test]
fn assets_are_known_by_their_exact_name_only() {
    let style = asset_names().find(|name| name.ends_with(".css")).unwrap();
    assert_eq!(asset(style).unwrap().content_type, "text/css; charset=utf-8");
    assert!(asset("third-party-notices.txt").is_some_and(|asset| !asset.immutable));
    for other in ["", "app.css", "../assets.rs", "/", "assets.rs"] {
        assert!(asset(other).is_none(), "{other}");
    }
}
