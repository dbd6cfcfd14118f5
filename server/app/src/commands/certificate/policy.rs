//! `strongroom certificate policy`: how the next version is made and when, without making one.

use anyhow::bail;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{connect, text};
use crate::{
    cli::{
        Output, VaultAt,
        certificate_policy::{CertificatePolicyCommand, LifetimeGiven, PolicyGiven},
    },
    commands::{facts, key::fitting, listed},
};

const RENEW: &str = "AutoRenew";
const NOTIFY: &str = "EmailContacts";

pub(super) async fn run(command: CertificatePolicyCommand) -> anyhow::Result<()> {
    match command {
        CertificatePolicyCommand::Show { name, at } => {
            let policy = connect(&at).await?.send(Method::GET, &["certificates", &name, "policy"], None).await?;
            print(&policy, at.output);
            Ok(())
        }
        CertificatePolicyCommand::Set { name, policy, at } => set(&name, &policy, &at).await,
    }
}

async fn set(name: &str, given: &PolicyGiven, at: &VaultAt) -> anyhow::Result<()> {
    fitting(given.kty.as_deref().unwrap_or_default(), given.size, given.curve.as_deref())?;
    let (vault, path) = (connect(at).await?, ["certificates", name, "policy"]);
    let mut changed = changed(given);
    let said = actions(&given.lifetime);
    if !said.is_empty() {
        // The server takes all of them or none.
        let stored = vault.send(Method::GET, &path, None).await?;
        changed.insert("lifetime_actions".to_owned(), Value::Array(beside(&stored, said)));
    }
    if changed.is_empty() {
        bail!("say what is changed: `strongroom certificate policy set --help` lists what can be");
    }
    let policy = vault.send(Method::PATCH, &path, Some(serde_json::to_vec(&changed)?)).await?;
    print(&policy, at.output);
    Ok(())
}

/// What is said, as a policy without the rest.
fn changed(given: &PolicyGiven) -> Map<String, Value> {
    let mut x509 = Map::new();
    x509.extend(given.subject.as_ref().map(|subject| ("subject".to_owned(), json!(subject))));
    x509.extend(given.months.map(|months| ("validity_months".to_owned(), json!(months))));
    let names = [&given.dns, &given.emails, &given.addresses, &given.uris, &given.upns];
    if names.iter().any(|names| !names.is_empty()) {
        let sans = json!({
            "dns_names": given.dns, "emails": given.emails, "ipAddresses": given.addresses, "uris": given.uris,
            "upns": given.upns,
        });
        x509.insert("sans".to_owned(), sans);
    }
    let some = |words: &[String]| (!words.is_empty()).then(|| json!(words));
    x509.extend(some(&given.usages).map(|usages| ("key_usage".to_owned(), usages)));
    x509.extend(some(&given.extended).map(|usages| ("ekus".to_owned(), usages)));
    let mut key = Map::new();
    key.extend(given.kty.as_ref().map(|kty| ("kty".to_owned(), json!(kty))));
    key.extend(given.size.map(|size| ("key_size".to_owned(), json!(size))));
    key.extend(given.curve.as_ref().map(|curve| ("crv".to_owned(), json!(curve))));
    let either = |yes: bool, no: bool| (yes || no).then(|| json!(yes));
    key.extend(either(given.exportable, given.not_exportable).map(|said| ("exportable".to_owned(), said)));
    key.extend(either(given.reuse_key, given.no_reuse_key).map(|said| ("reuse_key".to_owned(), said)));
    let mut changed = Map::new();
    if !key.is_empty() {
        changed.insert("key_props".to_owned(), Value::Object(key));
    }
    let form = given.format.map(|form| json!({ "contentType": form.content_type() }));
    changed.extend(form.map(|form| ("secret_props".to_owned(), form)));
    if !x509.is_empty() {
        changed.insert("x509_props".to_owned(), Value::Object(x509));
    }
    changed.extend(given.issuer.as_ref().map(|issuer| ("issuer".to_owned(), json!({ "name": issuer }))));
    changed
}

/// The lifetime actions that are said.
pub(super) fn actions(given: &LifetimeGiven) -> Vec<Value> {
    let action = |(trigger, kind): (Value, &str)| json!({ "trigger": trigger, "action": { "action_type": kind } });
    let part = |percentage: Option<u8>| percentage.map(|percentage| json!({ "lifetime_percentage": percentage }));
    let days = |days: Option<u32>| days.map(|days| json!({ "days_before_expiry": days }));
    let renewed = part(given.renew_at).or_else(|| days(given.renew_before)).map(|trigger| (trigger, RENEW));
    let told = part(given.notify_at).or_else(|| days(given.notify_before)).map(|trigger| (trigger, NOTIFY));
    renewed.into_iter().chain(told).map(action).collect()
}

/// What is said, and what is stored of the kinds of which nothing is said.
fn beside(stored: &Value, said: Vec<Value>) -> Vec<Value> {
    let kind = |action: &Value| text(action, "/action/action_type");
    let kept = stored.get("lifetime_actions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all: Vec<Value> =
        kept.into_iter().filter(|kept| !said.iter().any(|said| kind(said) == kind(kept))).collect();
    all.extend(said);
    all
}

/// When the next version is made, or the contacts are told, by a policy.
fn times(policy: &Value, kind: &str) -> String {
    let actions = policy.get("lifetime_actions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of_kind = actions.iter().filter(|action| text(action, "/action/action_type") == kind);
    let told = of_kind.map(|action| match text(action, "/trigger/lifetime_percentage") {
        none if none.is_empty() => format!("{} days before it ends", text(action, "/trigger/days_before_expiry")),
        percentage => format!("at {percentage}% of its lifetime"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// When it renews, in words: by hand, where nobody here can sign.
pub(super) fn renewal(policy: &Value) -> String {
    let times = times(policy, RENEW);
    if text(policy, "/issuer/name").eq_ignore_ascii_case("Unknown") {
        return "by hand: its authority signs elsewhere".to_owned();
    }
    if times.is_empty() { "by hand".to_owned() } else { times }
}

/// When the contacts of the vault are told.
pub(super) fn notice(policy: &Value) -> String {
    times(policy, NOTIFY)
}

fn print(policy: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(policy));
        return;
    }
    let names = ["dns_names", "emails", "ipAddresses", "uris", "upns"];
    let names = names.map(|sort| listed(policy, &format!("/x509_props/sans/{sort}")));
    let names: Vec<String> = names.into_iter().filter(|names| !names.is_empty()).collect();
    let key = ["kty", "crv", "key_size"].map(|part| text(policy, &format!("/key_props/{part}")));
    let key: Vec<String> = key.into_iter().filter(|part| !part.is_empty()).collect();
    let shown = facts([
        ("subject", text(policy, "/x509_props/subject")),
        ("names", names.join(", ")),
        ("issuer", text(policy, "/issuer/name")),
        ("key", key.join(" ")),
        ("exportable", text(policy, "/key_props/exportable")),
        ("same key", text(policy, "/key_props/reuse_key")),
        ("usages", listed(policy, "/x509_props/key_usage")),
        ("extended usages", listed(policy, "/x509_props/ekus")),
        ("form", text(policy, "/secret_props/contentType")),
        ("valid for", format!("{} months", text(policy, "/x509_props/validity_months"))),
        ("renews", renewal(policy)),
        ("contacts told", notice(policy)),
    ]);
    println!("{shown}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        given: PolicyGiven,
    }

    #[test]
    fn what_is_said_is_changed_and_nothing_else() {
        let changed = |line: &str| {
            let line = Line::try_parse_from(["set"].into_iter().chain(line.split_whitespace()));
            Value::Object(changed(&line.unwrap().given))
        };
        assert_eq!(changed(""), json!({}));
        let key = json!({ "key_props": { "exportable": false, "reuse_key": true, "crv": "P-384" } });
        assert_eq!(changed("--not-exportable --reuse-key --curve P-384"), key);
        let rest = json!({
            "key_props": { "exportable": true },
            "x509_props": { "ekus": ["1.3.6.1.5.5.7.3.1"], "key_usage": ["digitalSignature"] },
            "secret_props": { "contentType": "application/x-pkcs12" },
        });
        assert_eq!(changed("--exportable --eku 1.3.6.1.5.5.7.3.1 --usage digitalSignature --format pfx"), rest);
    }

    #[test]
    fn an_action_takes_the_place_of_those_of_its_kind() {
        let given = |renew_at, renew_before, notify_before| LifetimeGiven {
            renew_at,
            renew_before,
            notify_at: None,
            notify_before,
        };
        let first = json!({ "lifetime_actions": actions(&given(Some(80), None, Some(30))) });
        assert_eq!(
            (renewal(&first), notice(&first)),
            ("at 80% of its lifetime".to_owned(), "30 days before it ends".to_owned())
        );
        let then = json!({ "lifetime_actions": beside(&first, actions(&given(None, Some(10), None))) });
        assert_eq!(
            (renewal(&then), notice(&then)),
            ("10 days before it ends".to_owned(), "30 days before it ends".to_owned())
        );
        assert_eq!((renewal(&json!({})).as_str(), notice(&json!({})).as_str()), ("by hand", ""));
    }
}
