//! Who may do what: assignments, role definitions, access policies, workload identities.

pub(super) mod assignments;
pub(super) mod credentials;
pub(super) mod grants;
pub(super) mod in_vault;
pub(super) mod known;
pub(super) mod of_secret;
pub(super) mod own;
pub(super) mod owners;
pub(super) mod policies;
mod preview;
pub(super) mod roles;
pub(super) mod sessions;
pub(super) mod try_token;
pub(super) mod uncredential;
pub(super) mod unused;
mod whom;
pub(super) mod workloads;

use strongroom_web::{Tab, say};

use super::{frame::Viewer, links};

/// The views of the installation's access.
fn tabs(open: &str) -> Vec<Tab> {
    let tab = |label: &str, href: &str| Tab { label: label.to_owned(), href: href.to_owned(), current: href == open };
    vec![
        tab(say!("access-effective"), links::GRANTS),
        tab(say!("access-assignments"), links::ACCESS),
        tab(say!("access-roles"), links::ROLES),
        tab(say!("access-workloads"), links::WORKLOADS),
    ]
}

/// One entry a line, without the empty ones.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The issuer of workloads that are kept here.
fn own_issuer<'a>(viewer: &Viewer<'a>) -> &'a str {
    &viewer.services.objects.gate.own_issuer
}
