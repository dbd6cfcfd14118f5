//! Pages in the language that is asked for. In the pseudo-language every word of a catalogue is marked, so what has no
//! mark is data, or a text that stands in code: all of it is in a snapshot, to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_web::messages::PSEUDO;
use zeroize::Zeroizing;

use super::{BASE, Page, Story, VALUE};
use crate::edge::{Body, RawRequest, answer};

/// Pages that are looked at most.
const MOST: usize = 400;
const START: [&str; 7] = ["/overview", "/vaults", "/audit", "/access", "/policy", "/settings", "/why"];
/// What holds no words of the dashboard: commands, identifiers, moments.
const DATA: [(&str, &str); 5] =
    [("<code", "</code>"), ("<pre", "</pre>"), ("<time", "</time>"), ("<textarea", "</textarea>"), ("<svg", "</svg>")];

/// A text without its numbers and ids, which differ.
fn shape(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let hex = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        let counted: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        if hex { "ID".to_owned() } else { counted }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether it is a name: of an operation, which records have one of, of what is in the vault, or of who looks. Which of them
/// stand on a page depends on what was asked lately.
fn is_name(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let is_operation = letters.iter().all(char::is_ascii_alphabetic)
        && letters.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
    is_operation || ["demo/", "ada", "eve"].iter().any(|begun| text.starts_with(begun))
}

/// Texts of a page that no catalogue has, with those that are read aloud.
fn unmarked(page: &str) -> BTreeSet<String> {
    let mut text = page.split_once("<body>").map_or("", |(_, body)| body).to_owned();
    for (begin, end) in DATA {
        while let Some(at) = text.find(begin) {
            let length = text[at..].find(end).map_or(text.len() - at, |length| length + end.len());
            text.replace_range(at..at + length, "");
        }
    }
    let mut found: BTreeSet<String> = BTreeSet::new();
    for attribute in ["aria-label=\"", "placeholder=\"", "title=\"", "data-label=\""] {
        found.extend(text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).map(shape));
    }
    found.extend(text.split('>').skip(1).filter_map(|rest| rest.split('<').next()).map(shape));
    found.retain(|text| !text.contains('⟦') && text.chars().filter(|c| c.is_alphabetic()).count() > 1);
    found
}

/// What a page leads to and asks for, whatever it says: links, forms, fields and what can be chosen in them, each once.
fn skeleton(page: &str) -> BTreeSet<String> {
    let masked = |text: &str| text.chars().map(|c| if c.is_ascii_hexdigit() { '0' } else { c }).collect::<String>();
    let mut found = BTreeSet::new();
    for part in [" href=\"", " action=\"", " name=\"", "<option value=\""] {
        let all = page.split(part).skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(all.map(|text| format!("{part}{}", masked(text))));
    }
    found
}

async fn get(story: &Story, target: &str, cookies: &str, language: &str) -> Page {
    let raw = RawRequest {
        cookies: Some(cookies.into()),
        accept_language: Some(language.into()),
        body: Body::Read(Zeroizing::default()),
        ..super::raw("GET", target)
    };
    let response = answer(story.services.clone(), raw).await;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    Page { status: response.status, headers: response.headers, text }
}

#[tokio::test]
async fn every_word_of_a_page_comes_from_a_catalogue() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    let eve = story.sign_in("eve").await;
    story.submit("/access/new-workload", &ada, "name=worker").await;
    story.submit("/vaults/demo/new-key", &ada, "name=signing&kind=EC+P-256&enabled=yes").await;
    let fields =
        "name=own&dns=app.example&issuer=Self&months=1&kind=EC+P-256&form=application%2Fx-pem-file&enabled=yes";
    story.submit("/vaults/demo/new-certificate", &ada, fields).await;
    let mut asked: BTreeSet<String> = START.into_iter().map(str::to_owned).collect();
    let mut waiting: Vec<String> = asked.iter().cloned().collect();
    let mut untold: BTreeMap<String, String> = BTreeMap::new();
    let mut look = |at: &str, page: &Page| {
        assert!(page.text.contains("<html lang=\"en-XA\""), "{at}: {}", page.text);
        for text in unmarked(&page.text) {
            untold.entry(text).or_insert_with(|| at.to_owned());
        }
    };
    let mut seen = 0;
    while let Some(target) = waiting.pop() {
        story.world.clock.advance(1000);
        let page = get(&story, &target, &ada, PSEUDO).await;
        if page.status != 200 || page.header("content-type") != Some("text/html; charset=utf-8") || seen == MOST {
            continue;
        }
        seen += 1;
        let place = target.split('?').next().unwrap_or_default();
        look(&shape(&place.replace('/', " / ")), &page);
        // What was looked at is in the log by then.
        if !place.starts_with("/audit") {
            let english = get(&story, &target, &ada, "en").await;
            assert_eq!(skeleton(&page.text), skeleton(&english.text), "{target}: language changes nothing but text");
        }
        for href in page.text.split("href=\"/").skip(1).filter_map(|rest| rest.split('"').next()) {
            let link = format!("/{}", href.split(['?', '#']).next().unwrap_or_default());
            let known = ["/assets", "/auth", "/audit/", "/why/"].iter().any(|aside| link.starts_with(aside));
            if !known && asked.insert(link.clone()) {
                waiting.push(link);
            }
        }
    }
    assert!((40..MOST).contains(&seen), "{seen} pages were looked at");
    // Who may nothing, what is not there, what is not understood, and who is not signed in.
    for target in ["/vaults/demo/secrets", "/vaults/none", "/audit"] {
        look("denied", &get(&story, target, &eve, PSEUDO).await);
    }
    look("not found", &get(&story, "/vaults/demo/nothing", &ada, PSEUDO).await);
    look("sign-in", &get(&story, "/sign-in", "", PSEUDO).await);
    let list: Vec<String> = untold.into_keys().filter(|text| !is_name(text)).collect();
    insta::assert_snapshot!("untranslated", list.join("\n"));
    assert!(get(&story, "/vaults", &ada, "de, fr").await.text.contains("<html lang=\"en\""), "English for the others");
}

#[tokio::test]
async fn what_goes_on_record_is_in_one_language() {
    let story = Story::start();
    let first = story.set("db-password", "x").await;
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    for language in ["en", PSEUDO] {
        for (act, reasons) in [
            ("compare", ["compared with the current version", "compared with an earlier version"].as_slice()),
            ("roll-back", ["rolled back to this version"].as_slice()),
        ] {
            let before = story.log().len();
            let raw = RawRequest {
                cookies: Some(ada.clone()),
                accept_language: Some(language.into()),
                origin: Some(BASE.into()),
                body: Body::Read(Zeroizing::new(format!("csrf_token={token}").into_bytes())),
                ..super::raw("POST", &format!("/vaults/demo/secrets/db-password/{first}/{act}"))
            };
            assert!(matches!(answer(story.services.clone(), raw).await.status, 200 | 303), "{act}");
            let told = story.log().split_off(before).into_iter().filter_map(|record| record.stated_reason);
            assert_eq!(told.collect::<Vec<_>>(), reasons, "{act} in {language}");
        }
    }
}
