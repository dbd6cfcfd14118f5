//! `strongroom access`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assignment::who, listed, permitted, table, text, utc};
use crate::{
    cli::{AccessCommand, Connection, Output},
    client::{Client, at, base},
};

const PATH: [&str; 3] = ["api", "v1", "access"];

pub(crate) async fn run(command: AccessCommand) -> anyhow::Result<()> {
    match command {
        AccessCommand::List { scope, above, who, role, state, output, connection } => {
            let mut asked = vec![("scope", scope.as_str()), ("limit", "1000")];
            asked.extend(above.then_some(("above", "true")));
            asked.extend(who.as_deref().map(|who| ("who", who)));
            asked.extend(role.as_deref().map(|role| ("role", role)));
            asked.extend(state.map(|state| ("state", state.as_str())));
            list(&asked, output, &connection).await
        }
        AccessCommand::Used { id, as_role, output, connection } => used(&id, as_role, output, &connection).await,
    }
}

async fn used(id: &str, as_role: Option<String>, output: Output, connection: &Connection) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let uses = client.send(Method::GET, at(&base, &["api", "v1", "assignments", id, "uses"], &[])?, None).await?;
    if let Some(name) = as_role {
        println!("{}", crate::plain::json(&role(&name, &uses)));
    } else if output == Output::Json {
        println!("{}", crate::plain::json(&uses));
    } else {
        let mut table = table(&["OPERATION", "ACTION", "LAST USED"]);
        for used in of(&uses, "operations") {
            let last = used.get("last_used_at").and_then(Value::as_i64).map_or_else(String::new, utc);
            table.add_row([text(used, "/operation"), text(used, "/action"), last]);
        }
        println!("{table}");
    }
    if uses.get("known_from").is_none() {
        eprintln!("records are still being counted, so it may have been used for more than that");
    }
    if of(&uses, "operations").any(|used| used.get("action").is_none()) {
        eprintln!("an operation without an action needs one that its own documentation names: it is not in the role");
    }
    Ok(())
}

fn of<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A definition that holds what was used, and can be assigned where it was.
fn role(name: &str, uses: &Value) -> Value {
    json!({
        "name": name,
        "actions": uses.get("actions"),
        "data_actions": uses.get("data_actions"),
        "assignable_scopes": [uses.get("scope")],
    })
}

async fn list(asked: &[(&str, &str)], output: Output, connection: &Connection) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let (mut found, mut hidden) = (Vec::new(), Vec::<String>::new());
    let mut after: Option<String> = None;
    loop {
        let mut query = asked.to_vec();
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page = client.send(Method::GET, at(&base, &PATH, &query)?, None).await?;
        found.extend(of(&page, "value").cloned());
        for word in of(&page, "hidden").filter_map(Value::as_str) {
            if !hidden.iter().any(|known| known == word) {
                hidden.push(word.to_owned());
            }
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    print(&found, output);
    hidden.iter().filter_map(|word| of_hidden(word)).for_each(|words| eprintln!("{words}"));
    Ok(())
}

/// What is said of what one may not see.
fn of_hidden(word: &str) -> Option<&'static str> {
    match word {
        "above" => Some("roles given above this scope are not shown: it takes a role that may read assignments there"),
        "access-policies" => {
            Some("not all access policies are shown: it takes a role that may read them in each vault")
        }
        "users" => Some("who of a group used a grant is not shown: it takes a role that may read the audit log"),
        _ => None,
    }
}

fn print(grants: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(grants.to_vec())));
        return;
    }
    let mut table = table(&["GRANTEE", "GRANT", "SCOPE", "UNTIL", "LAST USED", "STATE"]);
    for grant in grants {
        let until = grant.get("ends_at").and_then(Value::as_i64).map_or_else(String::new, utc);
        table.add_row([who(grant), what(grant), text(grant, "/scope"), until, last_used(grant), states(grant)]);
    }
    println!("{table}");
}

/// The role with its assignment, or what the access policy allows.
fn what(grant: &Value) -> String {
    match text(grant, "/role") {
        role if role.is_empty() => format!("access policy ({})", permitted(grant)),
        role => format!("{role} ({})", text(grant, "/assignment")),
    }
}

fn last_used(grant: &Value) -> String {
    let moment = |name: &str| grant.get(name).and_then(Value::as_i64).map(utc);
    let is_of_group = grant.pointer("/grantee/type").and_then(Value::as_str) == Some("group");
    match (moment("last_used_at"), moment("not_used_from")) {
        (Some(at), _) => match text(grant, "/last_used_by/subject") {
            by if is_of_group && !by.is_empty() => format!("{at} by {by}"),
            _ => at,
        },
        (None, Some(from)) => format!("not since {from}"),
        (None, None) => "not known".to_owned(),
    }
}

fn states(grant: &Value) -> String {
    match text(grant, "/gone") {
        gone if gone.is_empty() => listed(grant, "/states"),
        gone => format!("{} ({gone} gone)", listed(grant, "/states")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{last_used, role, states, what};

    #[test]
    fn a_grant_says_when_it_was_used_or_that_nobody_knows() {
        let at = 1_801_353_600_000_i64;
        let by = json!({ "issuer": "https://idp", "subject": "ada" });
        let of = json!({ "grantee": { "type": "group" }, "last_used_at": at, "last_used_by": by });
        assert_eq!(last_used(&of), "2027-01-31 00:00:00.000Z by ada");
        let own = json!({ "grantee": { "type": "principal" }, "last_used_at": at, "last_used_by": by });
        assert_eq!(last_used(&own), "2027-01-31 00:00:00.000Z");
        assert_eq!(last_used(&json!({ "not_used_from": at })), "not since 2027-01-31 00:00:00.000Z");
        assert_eq!(last_used(&json!({})), "not known");
        assert_eq!(
            states(&json!({ "states": ["unused", "orphan"], "gone": "issuer" })),
            "unused, orphan (issuer gone)"
        );
        assert_eq!(what(&json!({ "role": "Owner", "assignment": "7" })), "Owner (7)");
        assert_eq!(what(&json!({ "permissions": { "secrets": ["get"] } })), "access policy (secrets: get)");
    }

    #[test]
    fn a_role_of_uses_can_be_read_as_one() {
        let uses = json!({ "actions": [], "data_actions": ["Microsoft.KeyVault/vaults/secrets/getSecret/action"], "scope": "/" });
        let role = role("Reader of one", &uses);
        assert_eq!(role["assignable_scopes"], json!(["/"]));
        assert_eq!((&role["name"], &role["data_actions"]), (&json!("Reader of one"), &uses["data_actions"]));
    }
}
