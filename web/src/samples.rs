//! Pieces of the sample pages: one invented company, one night. Samples feed the snapshots, the
//! accessibility test and anybody who wants to look at a page without a server.

use zeroize::Zeroizing;

use crate::{
    Account, AuditPage, Clock, CommandLinePage, CredentialPage, Crumb, DeniedPage, Door, ErrorPage, KeptPage, Look,
    Moment, NavPage, NavVault, NotFoundPage, PanelsPage, PostForm, RenderError, SecretPage, SecretsPage, Section,
    SetupPage, Shell, SignInPage, SignedOutPage, Standing, StatusLine, Tag,
};

pub(crate) fn shell(section: Section, crumbs: &[&str]) -> Shell {
    let last = crumbs.len().saturating_sub(1);
    Shell {
        installation: "vault.kestrelpay.example".into(),
        development: matches!(section, Section::Vaults),
        section,
        overview_href: "/overview".into(),
        vaults_href: "/vaults".into(),
        vaults: vec![],
        more_vaults: false,
        access: Door::Open("/access".into()),
        why: Door::Open("/why".into()),
        policy: Door::Open("/policy".into()),
        policy_note: Some("1 shadow".into()),
        audit: Door::Open("/audit".into()),
        step_up_href: None,
        undo: None,
        settings: Door::Open("/settings".into()),
        cannot: vec![],
        crumbs: crumbs
            .iter()
            .enumerate()
            .map(|(index, label)| Crumb {
                label: (*label).into(),
                href: (index < last).then(|| format!("/crumb/{index}")),
            })
            .collect(),
        clock: Clock { iso: "2026-11-23T03:12:08Z".into(), hours_minutes: "03:12".into() },
        account: Account { name: "Ines Okafor".into(), detail: Some("Kestrel SSO".into()) },
        search_href: "/search".into(),
        me_href: "/me".into(),
        look: Look::default(),
        sign_out: PostForm { action: "/sign-out".into(), csrf_token: "sample-token".into() },
        seal: StatusLine { standing: Standing::Good, text: "Unsealed".into() },
        chain: StatusLine { standing: Standing::Good, text: "Audit chain verified 03:11 UTC".into() },
    }
}

pub(crate) fn nav(names: &[&str], open: Option<&str>) -> Vec<NavVault> {
    let vault = |name: &&str| NavVault {
        name: (*name).into(),
        href: format!("/vaults/{name}/secrets"),
        pinned: false,
        pages: if open == Some(*name) { pages(name) } else { Vec::new() },
    };
    names.iter().map(vault).collect()
}

fn pages(vault: &str) -> Vec<NavPage> {
    let page = |label: &str, path: &str| NavPage {
        label: label.into(),
        waiting: None,
        href: format!("/vaults/{vault}/{path}"),
        current: path == "secrets",
        lacks: None,
    };
    vec![page("Secrets", "secrets"), page("Deleted", "deleted")]
}

/// A form that posts there.
pub(crate) fn post(action: &str) -> PostForm {
    PostForm { action: action.into(), csrf_token: "sample-token".into() }
}

/// From `2026-11-23T03:12:08Z`, in words good enough for a sample.
pub(crate) fn moment(iso: &str) -> Moment {
    let text = iso.get(..16).unwrap_or(iso).replace('T', ", ");
    Moment { iso: iso.into(), text: format!("{text} UTC") }
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Vec<Tag> {
    pairs.iter().map(|(name, value)| Tag { name: (*name).into(), value: (*value).into() }).collect()
}

/// Every sample of every page, rendered, by name. All values in it are invented.
pub fn sample_pages() -> impl Iterator<Item = (&'static str, Result<Zeroizing<String>, RenderError>)> {
    macro_rules! rendered {
        ($($page:ty),*) => {
            std::iter::empty()$(.chain(<$page>::samples().into_iter().map(|(name, page)| (name, page.render().map(Zeroizing::from)))))*
        };
    }
    rendered!(
        SignInPage,
        SetupPage,
        SignedOutPage,
        CommandLinePage,
        SecretsPage,
        SecretPage,
        PanelsPage,
        AuditPage,
        CredentialPage,
        DeniedPage,
        KeptPage,
        NotFoundPage,
        ErrorPage
    )
}

#[cfg(test)]
mod escaping;
#[cfg(test)]
mod probed;
#[cfg(test)]
mod tests;
