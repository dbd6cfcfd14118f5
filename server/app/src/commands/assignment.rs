//! `strongroom assignment`.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::time::Clock as _;
use url::Url;

use super::{done, table, text, utc, workload};
use crate::{
    cli::{AssignmentCommand, Connection, Moment, Output, ServerAt, Whom},
    client::{Client, at, base},
    clock::SystemClock,
};

const PATH: [&str; 3] = ["api", "v1", "assignments"];

pub(crate) async fn run(command: AssignmentCommand) -> anyhow::Result<()> {
    match command {
        AssignmentCommand::Add { role, scope, until, whom, at } => add(&role, &scope, until, &whom, &at).await,
        AssignmentCommand::List { scope, whom, output, connection } => list(&scope, &whom, output, &connection).await,
        AssignmentCommand::Show { id, output, connection } => {
            let base = base(&connection)?;
            let client = Client::connect(&connection, &base).await?;
            let found = client.send(Method::GET, at(&base, &[&PATH[..], &[&id]].concat(), &[])?, None).await?;
            if output == Output::Json {
                println!("{}", crate::plain::json(&found));
            } else {
                print(&[found], output);
            }
            Ok(())
        }
        AssignmentCommand::Remove { id, at: to } => {
            let base = base(&to.connection)?;
            let client = Client::connect(&to.connection, &base).await?;
            client.send(Method::DELETE, at(&base, &[&PATH[..], &[&id]].concat(), &[])?, None).await?;
            done(to.output, &json!({ "removed": id }), format_args!("the assignment {id} is removed"));
            Ok(())
        }
    }
}

impl Whom {
    /// As the API names a grantee; nothing when nobody was named.
    pub(crate) async fn fields(&self, client: &Client, base: &Url) -> anyhow::Result<Map<String, Value>> {
        let split = |text: &str| -> anyhow::Result<(String, String)> {
            let (issuer, name) = text.rsplit_once('#').with_context(|| format!("{text} is not ISSUER#NAME"))?;
            Ok((issuer.to_owned(), name.to_owned()))
        };
        let mut fields = Map::new();
        if let Some(principal) = &self.principal {
            let (issuer, subject) = split(principal)?;
            fields.insert("issuer".to_owned(), issuer.into());
            fields.insert("subject".to_owned(), subject.into());
        }
        if let Some(group) = &self.group {
            let (issuer, group) = split(group)?;
            fields.insert("issuer".to_owned(), issuer.into());
            fields.insert("group".to_owned(), group.into());
        }
        if let Some(workload) = &self.workload {
            fields.insert("client_id".to_owned(), workload::client_id(client, base, workload).await?.into());
        }
        Ok(fields)
    }

    /// As the API names a grantee.
    pub(crate) async fn required(&self, client: &Client, base: &Url) -> anyhow::Result<Map<String, Value>> {
        let fields = self.fields(client, base).await?;
        if fields.is_empty() {
            bail!("say for whom: --principal, --group or --workload");
        }
        Ok(fields)
    }
}

/// Passes on what the server says about a grant that it made all the same.
pub(crate) fn warn(answer: &Value) {
    for warning in answer.pointer("/warnings").and_then(Value::as_array).into_iter().flatten() {
        eprintln!("warning: {}", warning.as_str().unwrap_or_default());
    }
}

/// A grantee of an answer, as it can be given to the command line again.
fn grantee(of: &Value) -> String {
    let part = |pointer| text(of, pointer);
    match of.pointer("/type").and_then(Value::as_str) {
        Some("group") => format!("group {}#{}", part("/issuer"), part("/group")),
        _ => format!("{}#{}", part("/id/issuer"), part("/id/subject")),
    }
}

/// The grantee of an assignment or an access policy; a workload whose name the server tells is named first.
pub(crate) fn who(grant: &Value) -> String {
    if is_of_nobody(grant) {
        return format!("{} (identity deleted)", text(grant, "/grantee/id/subject"));
    }
    match text(grant, "/grantee_name") {
        name if name.is_empty() => grant.get("grantee").map(grantee).unwrap_or_default(),
        name => format!("{name} ({})", text(grant, "/grantee/id/subject")),
    }
}

/// Whether the access mode of the vault does not ask for what was given.
pub(crate) fn is_asleep(grant: &Value) -> bool {
    grant.get("asleep").and_then(Value::as_bool) == Some(true)
}

/// Words of a list, marked where what they are of is asleep.
pub(crate) fn marked(words: String, grant: &Value) -> String {
    if is_asleep(grant) { format!("{words} (asleep)") } else { words }
}

/// Whether what was given is to a workload that was deleted.
pub(crate) fn is_of_nobody(grant: &Value) -> bool {
    grant.get("grantee_deleted").and_then(Value::as_bool) == Some(true)
}

async fn add(role: &str, scope: &str, until: Option<Moment>, whom: &Whom, to: &ServerAt) -> anyhow::Result<()> {
    let base = base(&to.connection)?;
    let client = Client::connect(&to.connection, &base).await?;
    let mut body = whom.required(&client, &base).await?;
    body.insert("role".to_owned(), json!(role));
    body.insert("scope".to_owned(), json!(scope));
    if let Some(until) = until {
        body.insert("ends_at".to_owned(), json!(until.millis()));
    }
    let answer = client.send(Method::POST, at(&base, &PATH, &[])?, Some(serde_json::to_vec(&body)?)).await?;
    warn(&answer);
    // Names are not unique and can be changed: what was given is given to a client id.
    if let (Some(name), Some(client_id)) = (&whom.workload, body.get("client_id").and_then(Value::as_str))
        && name != client_id
    {
        eprintln!("granted to workload {name}, client id {client_id}");
    }
    done(to.output, &answer, text(&answer, "/id"));
    Ok(())
}

async fn list(scope: &str, whom: &Whom, output: Output, connection: &Connection) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let whom = whom.fields(&client, &base).await?;
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("scope", scope), ("limit", "1000")];
        query.extend(whom.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page = client.send(Method::GET, at(&base, &PATH, &query)?, None).await?;
        found.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    print(&found, output);
    Ok(())
}

/// When something ends, or that it has ended.
fn until(end: i64, now: i64) -> String {
    if end <= now { format!("{} (ended)", utc(end)) } else { utc(end) }
}

fn print(assignments: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(assignments.to_vec())));
        return;
    }
    let mut table = table(&["ID", "ROLE", "SCOPE", "GRANTEE", "UNTIL"]);
    let now = SystemClock::new().now_millis();
    for assignment in assignments {
        table.add_row([
            text(assignment, "/id"),
            marked(text(assignment, "/role"), assignment),
            text(assignment, "/scope"),
            who(assignment),
            assignment.get("ends_at").and_then(Value::as_i64).map_or_else(String::new, |end| until(end, now)),
        ]);
    }
    println!("{table}");
    if assignments.iter().any(is_asleep) {
        eprintln!(
            "those asleep count for managing the vault alone: its access mode does not ask roles. They count again with \
             strongroom vault update NAME --access-mode rbac, or layered"
        );
    }
    let of_nobody: Vec<String> =
        assignments.iter().filter(|one| is_of_nobody(one)).map(|one| text(one, "/id")).collect();
    if !of_nobody.is_empty() {
        eprintln!("those of deleted identities count for nobody; strongroom assignment remove ID takes one away:");
        of_nobody.iter().for_each(|id| eprintln!("  strongroom assignment remove {id}"));
    }
}

#[cfg(test)]
mod tests {
    use super::until;

    #[test]
    fn what_has_ended_is_told_from_what_will_end() {
        let end = 1_801_353_600_000;
        assert_eq!(until(end, end - 1), "2027-01-31 00:00:00.000Z");
        assert_eq!(until(end, end), "2027-01-31 00:00:00.000Z (ended)");
    }
}
