//! `strongroom certificate revoke`, `revocations` and `crl`.

use anyhow::Context as _;
use data_encoding::BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{certificates_of, connect, done, pem, read, text};
use crate::{
    cli::{Output, VaultAt, certificate::RevokedGiven},
    client::VaultClient,
    commands::{facts, seconds, table},
};

pub(super) async fn revoke(authority: &str, given: &RevokedGiven, reason: &str, at: &VaultAt) -> anyhow::Result<()> {
    let vault = connect(at).await?;
    let mut body = json!({ "reason": reason });
    let (part, what) = match (&given.certificate, &given.file, &given.serial) {
        (Some(name), ..) => ("certificate", kept(&vault, name).await?),
        (_, Some(file), _) => {
            let found = certificates_of(&Zeroizing::new(read(file)?))?;
            ("certificate", BASE64.encode(found.first().context("the file holds no certificate")?))
        }
        (.., serial) => ("serial", serial.clone().unwrap_or_default()),
    };
    if let Some(object) = body.as_object_mut() {
        object.insert(part.to_owned(), what.into());
    }
    let path = ["certificates", authority, "revoke"];
    let answer = vault.send(Method::POST, &path, Some(serde_json::to_vec(&body)?)).await?;
    let waits = lists(&answer).any(|list| list.get("number").is_none());
    let when = if waits { "soon" } else { "now" };
    done(at.output, &answer, format_args!("it is revoked; the list of {authority} says so {when}"));
    Ok(())
}

/// A version that the issuer takes back by which it came.
pub(super) async fn revoke_at_issuer(
    certificate: &str,
    issuer: Option<&str>,
    reason: &str,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let (name, version) = match certificate.split_once('/') {
        Some((name, version)) => (name, Some(version)),
        None => (certificate, None),
    };
    let body = json!({ "at_issuer": true, "reason": reason, "version": version, "issuer": issuer });
    let path = ["certificates", name, "revoke"];
    let answer = connect(at).await?.send(Method::POST, &path, Some(serde_json::to_vec(&body)?)).await?;
    done(at.output, &answer, format_args!("{certificate} is revoked by its issuer"));
    Ok(())
}

/// A certificate that is kept in the vault, `NAME` or `NAME/VERSION`, in base64.
async fn kept(vault: &VaultClient, name: &str) -> anyhow::Result<String> {
    let path: Vec<&str> = std::iter::once("certificates").chain(name.splitn(2, '/')).collect();
    let shown = vault.send(Method::GET, &path, None).await?;
    let leaf = shown.get("cer").and_then(Value::as_str);
    leaf.map(str::to_owned).with_context(|| format!("{name} has no certificate yet, so there is nothing to revoke"))
}

async fn revocations(authority: &str, at: &VaultAt) -> anyhow::Result<Value> {
    connect(at).await?.send(Method::GET, &["certificates", authority, "revocations"], None).await
}

fn lists(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("lists").and_then(Value::as_array).into_iter().flatten()
}

pub(super) async fn show(authority: &str, at: &VaultAt) -> anyhow::Result<()> {
    let answer = revocations(authority, at).await?;
    if at.output == Output::Json {
        println!("{}", crate::plain::json(&answer));
        return Ok(());
    }
    for list in lists(&answer) {
        let shown = facts([
            ("signed by version", text(list, "/version")),
            ("published at", text(list, "/url")),
            ("number", text(list, "/number")),
            ("made", seconds(list, "/made")),
            ("counts until", seconds(list, "/next_update")),
        ]);
        println!("{shown}");
        let revoked = list.get("revoked").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if revoked.is_empty() {
            println!("nothing is revoked");
            continue;
        }
        let mut shown = table(&["SERIAL", "REVOKED", "REASON"]);
        for one in revoked {
            shown.add_row([text(one, "/serial"), seconds(one, "/revoked"), text(one, "/reason")]);
        }
        println!("{shown}");
    }
    Ok(())
}

pub(super) async fn write_lists(authority: &str, at: &VaultAt) -> anyhow::Result<()> {
    let answer = revocations(authority, at).await?;
    if at.output == Output::Json {
        println!("{}", crate::plain::json(&answer));
        return Ok(());
    }
    for list in lists(&answer) {
        let der = BASE64.decode(text(list, "/crl").as_bytes()).context("the list is no base64")?;
        println!("{}", pem("X509 CRL", &der));
    }
    Ok(())
}
