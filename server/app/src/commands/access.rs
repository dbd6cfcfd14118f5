//! `strongroom access`.

use reqwest::Method;
use serde_json::Value;

use super::{assignment::who, listed, permitted, table, text, utc};
use crate::{
    cli::{AccessCommand, Output},
    client::{Client, at, base},
};

const PATH: [&str; 3] = ["api", "v1", "access"];

pub(crate) async fn run(command: AccessCommand) -> anyhow::Result<()> {
    let AccessCommand::List { scope, above, who, role, state, output, connection } = command;
    let base = base(&connection)?;
    let client = Client::connect(&connection, &base).await?;
    let mut asked = vec![("scope", scope.as_str()), ("limit", "1000")];
    asked.extend(above.then_some(("above", "true")));
    asked.extend(who.as_deref().map(|who| ("who", who)));
    asked.extend(role.as_deref().map(|role| ("role", role)));
    asked.extend(state.map(|state| ("state", state.as_str())));
    let (mut found, mut hidden) = (Vec::new(), Vec::<String>::new());
    let mut after: Option<String> = None;
    loop {
        let mut query = asked.clone();
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page = client.send(Method::GET, at(&base, &PATH, &query)?, None).await?;
        found.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
        for word in page.get("hidden").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
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

    use super::{last_used, states, what};

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
}
