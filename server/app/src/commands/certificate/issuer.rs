//! `strongroom certificate issuer` and `strongroom certificate contacts`.

use anyhow::Context as _;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{connect, done, password, read, text};
use crate::{
    cli::{
        Output, VaultAt,
        issuer::{ContactsCommand, IssuerCommand, IssuerGiven, ProfileGiven},
    },
    commands::{facts, listed, table},
};

const ISSUERS: [&str; 2] = ["certificates", "issuers"];
const CONTACTS: [&str; 2] = ["certificates", "contacts"];

/// What is sent of an issuer. Its password is in no value that could be shown.
#[derive(Serialize)]
struct Set<'a> {
    provider: &'a str,
    credentials: Credentials<'a>,
    settings: Value,
    attributes: Value,
}

#[derive(Serialize)]
struct Credentials<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pwd: Option<&'a str>,
}

pub(crate) async fn run(command: IssuerCommand) -> anyhow::Result<()> {
    match command {
        IssuerCommand::Set { name, issuer, at } => set(&name, &issuer, &at).await,
        IssuerCommand::List { at } => {
            let issuers = connect(&at).await?.all(&ISSUERS).await?;
            if at.output == Output::Json {
                println!("{}", crate::plain::json(&Value::Array(issuers)));
                return Ok(());
            }
            let mut shown = table(&["NAME", "PROVIDER"]);
            for issuer in &issuers {
                shown.add_row([name_of(issuer), text(issuer, "/provider")]);
            }
            println!("{shown}");
            Ok(())
        }
        IssuerCommand::Show { name, at } => {
            let issuer = connect(&at).await?.send(Method::GET, &of(&name), None).await?;
            print(&issuer, at.output);
            Ok(())
        }
        IssuerCommand::Delete { name, at } => {
            let issuer = connect(&at).await?.send(Method::DELETE, &of(&name), None).await?;
            done(at.output, &issuer, format_args!("the issuer {} is gone", name_of(&issuer)));
            Ok(())
        }
    }
}

fn of(name: &str) -> [&str; 3] {
    let [first, second] = ISSUERS;
    [first, second, name]
}

fn name_of(issuer: &Value) -> String {
    text(issuer, "/id").rsplit('/').next().unwrap_or_default().to_owned()
}

async fn set(name: &str, given: &IssuerGiven, at: &VaultAt) -> anyhow::Result<()> {
    let key = given.eab_key_file.as_deref().map(password).transpose()?;
    let (provider, settings) = match &given.acme {
        Some(directory) => ("ACME", acme(directory, given)?),
        None => ("Strongroom-CA", authority(given)),
    };
    let body = Set {
        provider,
        credentials: Credentials { account_id: given.eab_key_id.as_deref(), pwd: key.as_ref().map(|key| key.as_str()) },
        settings,
        attributes: json!({ "enabled": !given.disabled }),
    };
    let body = Zeroizing::new(serde_json::to_vec(&body)?);
    let issuer = connect(at).await?.send(Method::PUT, &of(name), Some(body.to_vec())).await?;
    done(at.output, &issuer, format_args!("policies of the vault may name the issuer {}", name_of(&issuer)));
    Ok(())
}

fn authority(given: &IssuerGiven) -> Value {
    let profile = match given.profile {
        ProfileGiven::Server => "server",
        ProfileGiven::Client => "client",
        ProfileGiven::CodeSigning => "code-signing",
        ProfileGiven::Authority => "authority",
    };
    let mut settings = json!({
        "kind": "authority", "certificate": given.authority.as_deref().unwrap_or_default(), "profile": profile,
    });
    if let Some(object) = settings.as_object_mut() {
        object.extend(given.max_days.map(|days| ("maxDays".to_owned(), json!(days))));
        object.extend(given.crl_url.as_ref().map(|url| ("crlUrl".to_owned(), json!(url))));
    }
    settings
}

fn acme(directory: &str, given: &IssuerGiven) -> anyhow::Result<Value> {
    let challenge = match &given.dns_hook {
        Some(hook) => json!({ "type": "dns-01", "hook": hook }),
        None => json!({ "type": "http-01" }),
    };
    let bundle = given
        .ca_file
        .as_deref()
        .map(|file| String::from_utf8(read(file)?).with_context(|| format!("{} is not PEM", file.display())));
    let mut settings =
        json!({ "kind": "acme", "directory": directory, "contacts": given.contacts, "challenge": challenge });
    if let Some(object) = settings.as_object_mut() {
        object.extend(given.eab_key_id.as_ref().map(|id| ("externalAccount".to_owned(), json!(id))));
        object.extend(bundle.transpose()?.map(|bundle| ("caBundle".to_owned(), json!(bundle))));
    }
    Ok(settings)
}

fn print(issuer: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(issuer));
        return;
    }
    let part = |name: &str| text(issuer, &format!("/settings/{name}"));
    let shown = facts([
        ("name", name_of(issuer)),
        ("provider", text(issuer, "/provider")),
        ("enabled", text(issuer, "/attributes/enabled")),
        ("authority", part("certificate")),
        ("profile", part("profile")),
        ("longest", part("maxDays")),
        ("revoked", part("crlUrl")),
        ("directory", part("directory")),
        ("contacts", listed(issuer, "/settings/contacts")),
        ("names proven by", text(issuer, "/settings/challenge/type")),
        ("hook", text(issuer, "/settings/challenge/hook")),
        ("account", text(issuer, "/credentials/account_id")),
    ]);
    println!("{shown}");
}

pub(crate) async fn contacts(command: ContactsCommand) -> anyhow::Result<()> {
    match command {
        ContactsCommand::Set { emails, at } => {
            let contacts: Vec<Value> = emails.iter().map(|email| json!({ "email": email })).collect();
            let body = serde_json::to_vec(&json!({ "contacts": contacts }))?;
            let answer = connect(&at).await?.send(Method::PUT, &CONTACTS, Some(body)).await?;
            done(at.output, &answer, format_args!("who is told about certificates: {}", emails.join(", ")));
        }
        ContactsCommand::Show { at } => {
            let answer = connect(&at).await?.send(Method::GET, &CONTACTS, None).await?;
            let people = answer.get("contacts").and_then(Value::as_array).cloned().unwrap_or_default();
            let told: Vec<String> = people.iter().map(|contact| text(contact, "/email")).collect();
            done(at.output, &answer, told.join("\n"));
        }
        ContactsCommand::Delete { at } => {
            let answer = connect(&at).await?.send(Method::DELETE, &CONTACTS, None).await?;
            done(at.output, &answer, "nobody is told about certificates any more");
        }
    }
    Ok(())
}
