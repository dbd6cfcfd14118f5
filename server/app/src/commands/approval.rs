//! `strongroom approval`.

use anyhow::bail;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{seconds, table, text};
use crate::{
    cli::{ApprovalAnswer, ApprovalCommand, Output},
    client::{Client, at, base},
    plain::plain,
};

/// Least characters of an id that stand for all of it.
const LEAST_ID: usize = 6;

pub(crate) async fn run(command: ApprovalCommand) -> anyhow::Result<()> {
    match command {
        ApprovalCommand::List { vault, at: to } => {
            let base = base(&to.connection)?;
            let client = Client::connect(&to.connection, &base).await?;
            let url = at(&base, &["api", "v1", "vaults", &vault, "approvals"], &[])?;
            let found = client.send(Method::GET, url, None).await?;
            match to.output {
                Output::Json => println!("{}", crate::plain::json(&format_args!("{found:#}"))),
                Output::Table => {
                    let requests = found.get("value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                    print(requests);
                }
            }
            Ok(())
        }
        ApprovalCommand::Grant(answer) => say(answer, "grant").await,
        ApprovalCommand::Refuse(answer) => say(answer, "refuse").await,
    }
}

async fn say(answer: ApprovalAnswer, word: &str) -> anyhow::Result<()> {
    let ApprovalAnswer { id, vault, seconds: wanted, at: to } = answer;
    let base = base(&to.connection)?;
    let client = Client::connect(&to.connection, &base).await?;
    let id = meant(&client, &base, &vault, &id).await?;
    let url = at(&base, &["api", "v1", "vaults", &vault, "approvals", &id, word], &[])?;
    let body = wanted.map_or_else(|| json!({}), |seconds| json!({ "seconds": seconds }));
    let request = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
    match to.output {
        Output::Json => println!("{}", crate::plain::json(&format_args!("{request:#}"))),
        Output::Table => print(std::slice::from_ref(&request)),
    }
    Ok(())
}

/// The whole id of the request that is meant.
async fn meant(client: &Client, base: &Url, vault: &str, said: &str) -> anyhow::Result<String> {
    if Uuid::try_parse(said).is_ok() {
        return Ok(said.to_owned());
    }
    let found = client.send(Method::GET, at(base, &["api", "v1", "vaults", vault, "approvals"], &[])?, None).await?;
    begins(found.get("value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(), vault, said)
}

/// The one of these requests whose id begins so.
fn begins(requests: &[Value], vault: &str, said: &str) -> anyhow::Result<String> {
    let beginning = said.trim_end_matches('…').to_ascii_lowercase();
    if beginning.len() < LEAST_ID || !beginning.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        bail!("{} is not the id of a request, nor its beginning of at least {LEAST_ID} characters", plain(said));
    }
    let ids: Vec<_> = requests.iter().map(|one| text(one, "/id")).filter(|id| id.starts_with(&beginning)).collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => {
            bail!("no request for approval in {} has an id that begins so: see strongroom approval list", plain(vault))
        }
        several => bail!("several requests for approval begin so: {}", several.join(", ")),
    }
}

fn print(requests: &[Value]) {
    let mut shown = table(&["ID", "STATE", "ENDS", "APPROVED", "WHO", "OPERATION", "OBJECT", "WHAT", "FOR", "BY"]);
    for request in requests {
        let approved = request.get("approvals").and_then(Value::as_array).map_or(0, Vec::len);
        let parts = ["/kind", "/name", "/version"].map(|pointer| text(request, pointer));
        let object: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        shown.add_row([
            text(request, "/id"),
            state(request),
            seconds(request, "/ends"),
            format!("{approved} of {}", text(request, "/approvers")),
            named(request, "/principal"),
            text(request, "/operation"),
            object.join("/"),
            what(request),
            text(request, "/policy"),
            said(request),
        ]);
    }
    println!("{shown}");
    if requests.iter().any(waits_for_nobody) {
        eprintln!(
            "what is no longer asked for needs no answer, because its module has no say in the vault any more (strongroom \
             policy attached); it goes when it ends"
        );
    }
}

/// What would be made of the object.
fn what(request: &Value) -> String {
    let details = request.get("details").and_then(Value::as_object).into_iter().flatten();
    let told = details.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
    plain(&told.collect::<Vec<_>>().join("; "))
}

/// Whether the module that asked has no say any more.
fn waits_for_nobody(request: &Value) -> bool {
    request.get("policy_enforced").and_then(Value::as_bool) == Some(false)
}

fn state(request: &Value) -> String {
    let state = text(request, "/state");
    if waits_for_nobody(request) { format!("{state}, no longer asked for") } else { state }
}

/// A principal with its name in front, where that is known.
fn named(of: &Value, pointer: &str) -> String {
    let subject = text(of, &format!("{pointer}/subject"));
    match text(of, &format!("{pointer}_name")) {
        name if name.is_empty() => format!("{}#{subject}", text(of, &format!("{pointer}/issuer"))),
        name => format!("{name} ({subject})"),
    }
}

/// Who said something to it.
fn said(request: &Value) -> String {
    let approvals = request.get("approvals").and_then(Value::as_array).into_iter().flatten();
    let mut said: Vec<String> = approvals.map(|one| named(one, "/by")).collect();
    if let Some(refusal) = request.get("refusal") {
        said.push(format!("refused by {}", named(refusal, "/by")));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_stands_for_one_request_or_for_none() {
        let ids = [
            "01900000-0000-7000-8000-000000000001",
            "01900000-0000-7000-8000-0000000000ff",
            "0190000a-0000-7000-8000-000000000001",
        ];
        let requests = ids.map(|id| json!({ "id": id }));
        let meant = |said: &str| begins(&requests, "demo", said).map_err(|error| error.to_string());
        assert_eq!(meant("0190000A").as_deref(), Ok(ids[2]));
        assert_eq!(meant("01900000-0000-7000-8000-0000000000f…").as_deref(), Ok(ids[1]));
        assert!(meant("01900000").unwrap_err().contains("several"));
        assert!(meant("0190ff").unwrap_err().contains("no request"));
        for unfit in ["0190", "", "demo/db", "../../x"] {
            assert!(meant(unfit).unwrap_err().contains("at least 6"), "{unfit}");
        }
    }

    #[test]
    fn a_request_names_who_is_known_and_says_when_nobody_waits_for_it() {
        let id = |subject: &str| json!({ "issuer": "https://i", "subject": subject });
        let request = json!({
            "principal": id("1"), "principal_name": "ledger", "state": "waiting", "policy_enforced": true,
            "details": { "role": "Key Vault Reader", "subject": "a\u{1b}[2Jb" },
            "approvals": [{ "by": id("2"), "by_name": "second" }, { "by": id("ada") }],
        });
        assert_eq!(named(&request, "/principal"), "ledger (1)");
        assert_eq!(said(&request), "second (2), https://i#ada");
        assert_eq!(state(&request), "waiting");
        let told = what(&request);
        assert!(told.starts_with("role: Key Vault Reader; subject: a") && !told.contains('\u{1b}'), "{told}");
        let detached = json!({ "state": "waiting", "policy_enforced": false, "refusal": { "by": id("ada") } });
        assert_eq!(
            (state(&detached).as_str(), said(&detached).as_str()),
            ("waiting, no longer asked for", "refused by https://i#ada")
        );
        // An answer to a single request does not say.
        assert_eq!(state(&json!({ "state": "granted" })), "granted");
    }
}
