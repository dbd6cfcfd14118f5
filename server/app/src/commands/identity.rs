//! `strongroom identity`: workload identities. A client secret is printed where it is made, once.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::time::Clock as _;
use url::Url;
use uuid::Uuid;

use super::{assignment::warn, done, table, text, utc, workload};
use crate::{
    cli::{
        CertificateCommand, CredentialOf, FederationCommand, IdentityCommand, IdentitySecretCommand, Output, ServerAt,
    },
    client::{Client, at, base},
    clock::SystemClock,
};

/// More than any certificate has; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(crate) async fn run(command: IdentityCommand) -> anyhow::Result<()> {
    match command {
        IdentityCommand::List { at } => list(&at).await,
        IdentityCommand::Show { workload, at } => {
            let server = Server::connect(&at).await?;
            let id = server.id(&workload).await?;
            let answer = server.send(Method::GET, &[&id], None).await?;
            print(&answer, at.output)
        }
        IdentityCommand::Create { name, no_secret, at } => {
            let body = json!({ "name": name, "secret": !no_secret });
            let server = Server::connect(&at).await?;
            let answer = server.send(Method::POST, &[], Some(&body)).await?;
            server.warn_of_namesakes(&answer).await;
            print(&answer, at.output)
        }
        IdentityCommand::Update { workload, name, enabling, at } => update(&workload, name, enabling.said(), &at).await,
        IdentityCommand::Delete { workload, yes, at } => {
            let server = Server::connect(&at).await?;
            let id = server.id(&workload).await?;
            let acting = at.connection.client_id.as_deref().and_then(|acting| Uuid::try_parse(acting).ok());
            if !yes && acting.is_some() && acting == Uuid::try_parse(&id).ok() {
                bail!("{workload} is who this command acts as, and nobody can undo it: --yes deletes it all the same");
            }
            server.send(Method::DELETE, &[&id], None).await?;
            let words = format!("the workload identity {workload} is deleted: its tokens count no more");
            done(at.output, &json!({ "deleted": id }), words);
            Ok(())
        }
        IdentityCommand::Secret(IdentitySecretCommand::Add { workload, name, days, replace, at }) => {
            let expires = days
                .map(|days| SystemClock::new().now_millis().div_euclid(1000).saturating_add(i64::from(days) * 86_400));
            let body = without_nulls(&json!({ "name": name, "expires": expires, "replace": replace }));
            add(&workload, "secrets", &body, &at).await
        }
        IdentityCommand::Certificate(CertificateCommand::Add { workload, file, name, at }) => {
            let body = without_nulls(&json!({ "certificate": read(&file)?, "name": name }));
            add(&workload, "certificates", &body, &at).await
        }
        IdentityCommand::Federation(FederationCommand::Add {
            workload,
            issuer,
            subject,
            subject_pattern,
            audience,
            at,
        }) => {
            if subject.is_none() && subject_pattern.is_none() {
                bail!("say whose tokens: --subject or --subject-pattern");
            }
            let body = without_nulls(&json!({
                "issuer": issuer, "subject": subject, "subject_pattern": subject_pattern, "audience": audience
            }));
            add(&workload, "federations", &body, &at).await
        }
        IdentityCommand::Secret(IdentitySecretCommand::Remove(of)) => remove("secrets", &of).await,
        IdentityCommand::Certificate(CertificateCommand::Remove(of)) => remove("certificates", &of).await,
        IdentityCommand::Federation(FederationCommand::Remove(of)) => remove("federations", &of).await,
    }
}

/// The server's workload identities.
struct Server {
    base: Url,
    client: Client,
}

impl Server {
    async fn connect(to: &ServerAt) -> anyhow::Result<Self> {
        let base = base(&to.connection)?;
        let client = Client::connect(&to.connection, &base).await?;
        Ok(Self { base, client })
    }

    async fn id(&self, workload: &str) -> anyhow::Result<String> {
        workload::client_id(&self.client, &self.base, workload).await
    }

    /// Says which other workloads have the name of one, as far as the others may be seen: they are told apart by client
    /// id alone, and the name no longer says which is meant.
    async fn warn_of_namesakes(&self, one: &Value) {
        let Ok(all) = workload::all(&self.client, &self.base).await else { return };
        let (id, name) = (text(one, "/client_id"), text(one, "/name"));
        let others = workload::namesakes(&all, &id, &name);
        if !others.is_empty() {
            eprintln!(
                "warning: {name} is also the name of {}: commands take {id} for this one, and no name; `strongroom identity \
                 update {id} --name NAME` renames it",
                others.join(", ")
            );
        }
    }

    async fn send(&self, method: Method, below: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        let segments: Vec<&str> = ["api", "v1", "workloads"].into_iter().chain(below.iter().copied()).collect();
        let body = body.map(serde_json::to_vec).transpose()?;
        self.client.send(method, at(&self.base, &segments, &[])?, body).await
    }
}

async fn list(to: &ServerAt) -> anyhow::Result<()> {
    let server = Server::connect(to).await?;
    let items = workload::all(&server.client, &server.base).await?;
    if to.output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(items)));
        return Ok(());
    }
    let mut table = table(&["CLIENT ID", "NAME", "ENABLED", "SECRETS", "CERTIFICATES", "FEDERATIONS"]);
    for item in &items {
        let count = |name: &str| item.get(name).and_then(Value::as_array).map_or(0, Vec::len).to_string();
        table.add_row([
            text(item, "/client_id"),
            text(item, "/name"),
            text(item, "/enabled"),
            count("secrets"),
            count("certificates"),
            count("federations"),
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn update(workload: &str, name: Option<String>, enabled: Option<bool>, to: &ServerAt) -> anyhow::Result<()> {
    if name.is_none() && enabled.is_none() {
        bail!("say what to change: --name, --disable or --enable");
    }
    let body = without_nulls(&json!({ "name": name, "enabled": enabled }));
    let server = Server::connect(to).await?;
    let id = server.id(workload).await?;
    let answer = server.send(Method::PATCH, &[&id], Some(&body)).await?;
    if name.is_some() {
        server.warn_of_namesakes(&answer).await;
    }
    print(&answer, to.output)
}

async fn add(workload: &str, sort: &str, body: &Value, to: &ServerAt) -> anyhow::Result<()> {
    let server = Server::connect(to).await?;
    let id = server.id(workload).await?;
    let answer = server.send(Method::POST, &[&id, sort], Some(body)).await?;
    warn(&answer);
    match to.output {
        Output::Json => println!("{}", crate::plain::json(&answer)),
        Output::Table => {
            println!("{}", text(&answer, "/credential"));
            print_secret(&answer);
        }
    }
    Ok(())
}

async fn remove(sort: &str, of: &CredentialOf) -> anyhow::Result<()> {
    let server = Server::connect(&of.at).await?;
    let id = server.id(&of.workload).await?;
    server.send(Method::DELETE, &[&id, sort, &of.credential.to_string()], None).await?;
    let removed = json!({ "client_id": id, "removed": of.credential });
    done(of.at.output, &removed, format_args!("the credential {} of {} is removed", of.credential, of.workload));
    Ok(())
}

fn print(answer: &Value, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        println!("{}", crate::plain::json(answer));
        return Ok(());
    }
    println!("client id  {}", text(answer, "/client_id"));
    println!("name       {}", text(answer, "/name"));
    println!("enabled    {}", text(answer, "/enabled"));
    let time = |value: &Value, pointer| {
        value.pointer(pointer).and_then(Value::as_i64).map_or("never".to_owned(), |at| utc(at.saturating_mul(1000)))
    };
    let all = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut credentials = table(&["CREDENTIAL", "SORT", "NAME", "EXPIRES"]);
    for secret in all("secrets") {
        let row = [text(&secret, "/id"), "secret".to_owned(), text(&secret, "/name"), time(&secret, "/expires")];
        credentials.add_row(row);
    }
    for certificate in all("certificates") {
        credentials.add_row([
            text(&certificate, "/id"),
            "certificate".to_owned(),
            format!("{} (SHA-1 {})", text(&certificate, "/name"), text(&certificate, "/sha1")),
            time(&certificate, "/expires"),
        ]);
    }
    for federation in all("federations") {
        let subject = text(&federation, "/subject") + &text(&federation, "/subject_pattern");
        let name = format!("{}#{subject} for {}", text(&federation, "/issuer"), text(&federation, "/audience"));
        credentials.add_row([text(&federation, "/id"), "federation".to_owned(), name, "never".to_owned()]);
    }
    if !credentials.is_empty() {
        println!("{credentials}");
    }
    print_secret(answer);
    Ok(())
}

/// The one time that a client secret is shown.
fn print_secret(answer: &Value) {
    if let Some(secret) = answer.get("client_secret").and_then(Value::as_str) {
        let credential = text(answer, "/credential");
        let all = answer.get("secrets").and_then(Value::as_array);
        let made = all.into_iter().flatten().find(|known| text(known, "/id") == credential);
        let end = made.and_then(|made| made.get("expires")).and_then(Value::as_i64);
        let end =
            end.map(|end| format!(", and which counts until {}", utc(end.saturating_mul(1000)))).unwrap_or_default();
        eprintln!("The client secret, which is shown this once{end}:");
        println!("{secret}");
    }
}

fn without_nulls(object: &Value) -> Value {
    let members = object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    let mut pem = String::new();
    let read = if file.as_path() == Path::new("-") {
        std::io::stdin().lock().take(MAX_READ).read_to_string(&mut pem)
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        opened.take(MAX_READ).read_to_string(&mut pem)
    };
    read.context("the certificate is not PEM text")?;
    // Refused by the server too; it should not even travel.
    if pem.contains("PRIVATE KEY-----") {
        bail!("{} holds a private key: give the certificate alone", file.display());
    }
    Ok(pem)
}
