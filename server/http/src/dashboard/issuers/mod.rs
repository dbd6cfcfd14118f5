//! Who issues certificates of a vault: an authority kept in a vault, or one that is asked by RFC 8555; and who is told
//! about them. An issuer's password comes in by a form and is on no page.

pub(super) mod contacts;
pub(super) mod delete;
mod draft;
pub(super) mod forms;
pub(super) mod list;
pub(super) mod show;
mod uses;

use strongroom_domain::{issuer::IssuerSettings, names::VaultName};
use strongroom_web::{Tab, say};

use super::links;

/// The three lists that go together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Certificates,
    Issuers,
    Contacts,
}

/// Ways between the lists.
pub(super) fn tabs(vault: &VaultName, shown: View) -> Vec<Tab> {
    let tab = |view, label: &str, href| Tab { label: label.to_owned(), href, current: view == shown };
    vec![
        tab(View::Certificates, say!("issuers-certificates"), links::certificates(vault)),
        tab(View::Issuers, say!("issuers-issuers"), links::issuers(vault)),
        tab(View::Contacts, say!("issuers-contacts"), links::contacts(vault)),
    ]
}

/// A provider in words.
fn provider(settings: &IssuerSettings) -> &'static str {
    provider_words(settings.provider())
}

fn provider_words(provider: &str) -> &'static str {
    match IssuerSettings::of(provider) {
        Ok(IssuerSettings::Authority(_)) => say!("issuers-an-authority-kept-in-a"),
        Ok(IssuerSettings::Acme(_)) => say!("issuers-an-authority-elsewhere-by-acme"),
        Err(_) => say!("issuers-nobody-that-is-known-here"),
    }
}
