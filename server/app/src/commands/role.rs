//! `strongroom role`.

use std::path::Path;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{done, facts, table, text};
use crate::{
    cli::{Connection, Output, RoleCommand},
    client::{Client, at, base},
    exit::Found,
};

const PATH: [&str; 3] = ["api", "v1", "roles"];
/// More than any definition may have.
const MAX_FILE: usize = 64 * 1024;

pub(crate) async fn run(command: RoleCommand) -> anyhow::Result<()> {
    match command {
        RoleCommand::List { scope, output, connection } => {
            let server = Server::connect(&connection).await?;
            print(&server.list(&scope).await?, output);
        }
        RoleCommand::Show { role, output, connection } => {
            let server = Server::connect(&connection).await?;
            let id = server.id(&role).await?;
            print_one(&server.client.send(Method::GET, server.at(&id)?, None).await?, output);
        }
        RoleCommand::Create { file, at: to } => {
            let body = read(&file)?;
            let server = Server::connect(&to.connection).await?;
            let made = server.client.send(Method::POST, at(&server.base, &PATH, &[])?, Some(body)).await?;
            done(to.output, &made, text(&made, "/id"));
        }
        RoleCommand::Update { role, file, at: to } => {
            let body = read(&file)?;
            let server = Server::connect(&to.connection).await?;
            let id = server.id(&role).await?;
            let replaced = server.client.send(Method::PUT, server.at(&id)?, Some(body)).await?;
            done(to.output, &replaced, format_args!("the role definition {role} is replaced"));
        }
        RoleCommand::Delete { role, at: to } => {
            let server = Server::connect(&to.connection).await?;
            let id = server.id(&role).await?;
            server.client.send(Method::DELETE, server.at(&id)?, None).await?;
            done(to.output, &json!({ "deleted": id }), format_args!("the role definition {role} is deleted"));
        }
    }
    Ok(())
}

struct Server {
    base: Url,
    client: Client,
}

impl Server {
    async fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let base = base(connection)?;
        let client = Client::connect(connection, &base).await?;
        Ok(Self { base, client })
    }

    fn at(&self, id: &str) -> anyhow::Result<Url> {
        at(&self.base, &[&PATH[..], &[id]].concat(), &[])
    }

    async fn list(&self, scope: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.client.send(Method::GET, at(&self.base, &PATH, &[("scope", scope)])?, None).await?;
        Ok(answer.get("value").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// The id of a definition that is named by it or by its name.
    async fn id(&self, role: &str) -> anyhow::Result<String> {
        if uuid::Uuid::try_parse(role).is_ok() {
            return Ok(role.to_owned());
        }
        let all = self.list("/").await?;
        match all.iter().find(|one| text(one, "/name").eq_ignore_ascii_case(role)) {
            Some(found) => Ok(text(found, "/id")),
            None => {
                let why = format!("there is no role definition {role}: strongroom role list names those there are");
                Err(Found::Nothing(why).into())
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let body = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if body.len() > MAX_FILE {
        bail!("{} is too long for a role definition", file.display());
    }
    serde_json::from_slice::<Value>(&body).with_context(|| format!("{} is not JSON", file.display()))?;
    Ok(body)
}

/// One definition; of a permission that takes something back, with `not` in front.
fn print_one(role: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(role));
        return;
    }
    let sort = if role.get("custom").and_then(Value::as_bool) == Some(true) { "custom" } else { "built in" };
    let lines = |name: &'static str, pointer: &str| {
        let items = role.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let named = move |(place, item): (usize, Value)| (if place == 0 { name } else { "" }, text(&item, ""));
        items.into_iter().enumerate().map(named).collect::<Vec<_>>()
    };
    let one = |name: &'static str, pointer: &str| (name, text(role, pointer));
    let head = [one("name", "/name"), one("id", "/id"), one("description", "/description"), ("sort", sort.to_owned())];
    let permissions = [
        ("actions", "/actions"),
        ("not actions", "/not_actions"),
        ("data actions", "/data_actions"),
        ("not data actions", "/not_data_actions"),
        ("assignable at", "/assignable_scopes"),
    ];
    println!("{}", facts(head.into_iter().chain(permissions.into_iter().flat_map(|(name, at)| lines(name, at)))));
}

fn print(roles: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(roles.to_vec())));
        return;
    }
    let mut table = table(&["ID", "NAME", "CUSTOM", "DESCRIPTION"]);
    for role in roles {
        table.add_row(["/id", "/name", "/custom", "/description"].map(|pointer| text(role, pointer)));
    }
    println!("{table}");
}
