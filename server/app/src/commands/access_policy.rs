//! `strongroom access-policy`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    assignment::{is_asleep, is_of_nobody, marked, warn, who},
    done, listed, permitted, table, text,
};
use crate::{
    cli::{AccessPolicyCommand, Output},
    client::{Client, at, base},
};

fn path(vault: &str) -> [&str; 5] {
    ["api", "v1", "vaults", vault, "access-policies"]
}

pub(crate) async fn run(command: AccessPolicyCommand) -> anyhow::Result<()> {
    match command {
        AccessPolicyCommand::Set { vault, whom, permissions, at: to } => {
            let base = base(&to.connection)?;
            let client = Client::connect(&to.connection, &base).await?;
            let mut body = whom.required(&client, &base).await?;
            let permissions = json!({
                "secrets": permissions.secrets, "keys": permissions.keys, "certificates": permissions.certificates,
            });
            body.insert("permissions".to_owned(), permissions);
            let answer =
                client.send(Method::PUT, at(&base, &path(&vault), &[])?, Some(serde_json::to_vec(&body)?)).await?;
            warn(&answer);
            done(to.output, &answer, format_args!("the access policy in {vault} is set: {}", permitted(&answer)));
        }
        AccessPolicyCommand::List { vault, output, connection } => {
            let base = base(&connection)?;
            let client = Client::connect(&connection, &base).await?;
            let answer = client.send(Method::GET, at(&base, &path(&vault), &[])?, None).await?;
            let policies = answer.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
            print(&vault, &policies, output);
        }
        AccessPolicyCommand::Remove { vault, whom, at: to } => {
            let base = base(&to.connection)?;
            let client = Client::connect(&to.connection, &base).await?;
            let whom = whom.required(&client, &base).await?;
            let query: Vec<_> = whom.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_str()?))).collect();
            client.send(Method::DELETE, at(&base, &path(&vault), &query)?, None).await?;
            let removed = json!({ "vault": vault, "removed": whom });
            done(to.output, &removed, format_args!("the access policy in {vault} is removed"));
        }
    }
    Ok(())
}

fn print(vault: &str, policies: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(&Value::Array(policies.to_vec())));
        return;
    }
    let mut table = table(&["GRANTEE", "SECRETS", "KEYS", "CERTIFICATES"]);
    for policy in policies {
        let words = |kind: &str| listed(policy, &format!("/permissions/{kind}"));
        table.add_row([marked(who(policy), policy), words("secrets"), words("keys"), words("certificates")]);
    }
    println!("{table}");
    if policies.iter().any(is_asleep) {
        eprintln!(
            "those asleep count for nobody: the vault's access mode does not ask them. They count again with strongroom vault \
             update {vault} --access-mode access-policy, or layered"
        );
    }
    let of_nobody: Vec<_> = policies.iter().filter(|one| is_of_nobody(one)).collect();
    if !of_nobody.is_empty() {
        eprintln!("those of deleted identities count for nobody; this takes them away:");
        for policy in of_nobody {
            eprintln!("  strongroom access-policy remove {vault} --workload {}", text(policy, "/grantee/id/subject"));
        }
    }
}
