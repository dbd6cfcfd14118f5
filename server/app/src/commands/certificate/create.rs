//! `strongroom certificate create`: what is said makes a policy. For a name that is there nothing that was said is left out
//! without a word: it is refused, or the whole policy is what was said, and what that changes is told before it is done.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{connect, make, policy, tags, text};
use crate::{
    cli::{
        VaultAt,
        certificate::{BundleForm, CertificateGiven},
    },
    client::Refused,
    commands::key::fitting,
    exit::Found,
};

pub(super) async fn run(name: &str, given: &CertificateGiven, wait: u16, at: &VaultAt) -> anyhow::Result<()> {
    fitting(kty(given), given.size, given.curve.as_deref())?;
    let (said, tags) = (said(given), tags(&given.tags)?);
    let vault = connect(at).await?;
    if said.is_empty() && !given.replace_policy {
        return make(&vault, name, &json!({ "tags": tags }), wait, at).await;
    }
    let stored = match vault.send(Method::GET, &["certificates", name, "policy"], None).await {
        Ok(stored) => Some(stored),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(error),
    };
    if stored.is_some() && !given.replace_policy {
        return Err(Found::Misused(refusal(name, &said)).into());
    }
    if !said.iter().any(|option| WHOM.contains(option)) {
        let why = format!("whom is {name} for? A policy is made of a subject or a name at least: {}", WHOM.join(", "));
        return Err(Found::Misused(why).into());
    }
    let whole = whole_policy(given);
    if let Some(stored) = &stored {
        eprintln!("the policy of {name} is made anew: {}", changes(stored, &whole));
    }
    make(&vault, name, &json!({ "tags": tags, "policy": whole }), wait, at).await
}

/// Options that say whom a certificate is for.
const WHOM: [&str; 6] = ["--subject", "--dns", "--email", "--ip", "--uri", "--upn"];

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}

fn refusal(name: &str, said: &[&str]) -> String {
    format!(
        "{name} is there, and {} would not count: `strongroom certificate renew {name}` makes a version by its policy, \
         `strongroom certificate policy set {name}` changes that, and --replace-policy here makes all of it anew by what is \
         said: what is not said is then as for a new name",
        said.join(", ")
    )
}

/// The options of which a policy is made, as far as they were said; each one is looked at.
fn said(given: &CertificateGiven) -> Vec<&'static str> {
    let CertificateGiven {
        subject,
        dns,
        emails,
        addresses,
        uris,
        upns,
        issuer,
        kty,
        size,
        curve,
        months,
        lifetime,
        authority,
        // None without --authority.
        constraints: _,
        usages,
        extended,
        format,
        not_exportable,
        reuse_key,
        replace_policy: _,
        tags: _,
    } = given;
    let options = [
        ("--subject", subject.is_some()),
        ("--dns", !dns.is_empty()),
        ("--email", !emails.is_empty()),
        ("--ip", !addresses.is_empty()),
        ("--uri", !uris.is_empty()),
        ("--upn", !upns.is_empty()),
        ("--issuer", issuer.is_some()),
        ("--type", kty.is_some()),
        ("--size", size.is_some()),
        ("--curve", curve.is_some()),
        ("--months", months.is_some()),
        ("--renew-at", lifetime.renew_at.is_some()),
        ("--renew-before", lifetime.renew_before.is_some()),
        ("--notify-at", lifetime.notify_at.is_some()),
        ("--notify-before", lifetime.notify_before.is_some()),
        ("--authority", *authority),
        ("--usage", !usages.is_empty()),
        ("--eku", !extended.is_empty()),
        ("--format", format.is_some()),
        ("--not-exportable", *not_exportable),
        ("--reuse-key", *reuse_key),
    ];
    options.into_iter().filter(|(_, said)| *said).map(|(option, _)| option).collect()
}

/// What of a policy becomes something else of that which nobody should find out later.
fn changes(stored: &Value, whole: &Value) -> String {
    let watched = [
        ("issuer", "/issuer/name", "Self"),
        ("exportable", "/key_props/exportable", "true"),
        ("authority", "/x509_props/basic_constraints/ca", "false"),
    ];
    let changed = watched.into_iter().filter_map(|(word, pointer, absent)| {
        let [was, is] = [stored, whole].map(|policy| match text(policy, pointer) {
            none if none.is_empty() => absent.to_owned(),
            said => said,
        });
        (was != is).then(|| format!("{word} was {was} and is {is}"))
    });
    let changed: Vec<String> = changed.collect();
    if changed.is_empty() { "issuer, exportable and authority stay".to_owned() } else { changed.join(", ") }
}

fn kty(given: &CertificateGiven) -> &str {
    given.kty.as_deref().unwrap_or("EC")
}

fn whole_policy(given: &CertificateGiven) -> Value {
    let form = given.format.unwrap_or(BundleForm::Pem).content_type();
    let words = |words: [&str; 2]| words.map(str::to_owned).to_vec();
    let usages = match given.usages.as_slice() {
        _ if given.authority => words(["keyCertSign", "cRLSign"]),
        [] => words(["digitalSignature", "keyEncipherment"]),
        said => said.to_vec(),
    };
    let extended = match given.extended.as_slice() {
        [] if given.authority => Vec::new(),
        [] => words(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
        said => said.to_vec(),
    };
    let said = &given.constraints;
    let subtrees = |dns: &[String], emails: &[String], networks: &[String]| json!({ "dns_names": dns, "emails": emails, "ip_networks": networks });
    let mut policy = json!({
        "key_props": {
            "kty": kty(given), "key_size": given.size, "crv": given.curve,
            "exportable": !given.not_exportable && !given.authority, "reuse_key": given.reuse_key,
        },
        "secret_props": { "contentType": form },
        "x509_props": {
            "subject": given.subject.as_deref().unwrap_or_default(),
            "sans": {
                "dns_names": given.dns, "emails": given.emails, "ipAddresses": given.addresses, "uris": given.uris,
                "upns": given.upns,
            },
            "key_usage": usages,
            "basic_constraints": { "ca": given.authority, "path_len_constraint": said.path_length },
            "name_constraints": {
                "permitted": subtrees(&said.permit_dns, &said.permit_email, &said.permit_ip),
                "excluded": subtrees(&said.exclude_dns, &said.exclude_email, &said.exclude_ip),
            },
            "ekus": extended,
            "validity_months": given.months.unwrap_or(12),
        },
        "issuer": { "name": given.issuer.as_deref().unwrap_or("Self") },
    });
    // None said: those that a policy has by itself.
    let actions = policy::actions(&given.lifetime);
    if let (Some(object), false) = (policy.as_object_mut(), actions.is_empty()) {
        object.insert("lifetime_actions".to_owned(), Value::Array(actions));
    }
    policy
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        given: CertificateGiven,
    }

    fn given(line: &str) -> CertificateGiven {
        Line::try_parse_from(["create"].into_iter().chain(line.split_whitespace())).unwrap().given
    }

    #[test]
    fn what_is_said_is_found_and_what_stands_for_itself_is_not() {
        assert_eq!(said(&given("--tag a=b --replace-policy")), Vec::<&str>::new());
        let line = "--months 12 --issuer Self --type EC --format pem --not-exportable --usage digitalSignature";
        let found = said(&given(line));
        assert_eq!(found, ["--issuer", "--type", "--months", "--usage", "--format", "--not-exportable"]);
        let refusal = refusal("web", &found);
        assert!(refusal.contains("--months") && refusal.contains("policy set web"), "{refusal}");
    }

    #[test]
    fn an_authority_that_would_become_a_leaf_is_told() {
        let authority = whole_policy(&given("--subject CN=House --authority --issuer below-root"));
        assert_eq!(changes(&authority, &authority), "issuer, exportable and authority stay");
        let leaf = whole_policy(&given("--subject CN=House"));
        assert_eq!(
            changes(&authority, &leaf),
            "issuer was below-root and is Self, exportable was false and is true, authority was true and is false"
        );
        assert_eq!(changes(&json!({}), &leaf), "issuer, exportable and authority stay");
        assert_eq!(leaf.pointer("/x509_props/validity_months"), Some(&json!(12)));
    }
}
