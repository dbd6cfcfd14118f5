//! `strongroom session`: the dashboard sessions of others.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    cli::{Output, SessionCommand},
    client::{Client, at, base},
    exit::Found,
    plain::plain,
};

pub(crate) async fn run(command: SessionCommand) -> anyhow::Result<()> {
    let SessionCommand::End { issuer, subject, at: to } = command;
    let base = base(&to.connection)?;
    let client = Client::connect(&to.connection, &base).await?;
    let body = serde_json::to_vec(&json!({ "issuer": issuer, "subject": subject }))?;
    let mut ended = 0;
    loop {
        let url = at(&base, &["api", "v1", "sessions", "end"], &[])?;
        let answer = client.send(Method::POST, url, Some(body.clone())).await?;
        ended += answer.get("ended").and_then(Value::as_u64).unwrap_or_default();
        if answer.get("more").and_then(Value::as_bool) != Some(true) {
            break;
        }
    }
    match to.output {
        Output::Json => println!("{}", crate::plain::json(&json!({ "ended": ended }))),
        Output::Table if ended > 0 => println!("{ended} {} ended", if ended == 1 { "session" } else { "sessions" }),
        Output::Table => {}
    }
    if ended > 0 {
        return Ok(());
    }
    let whom = plain(&format!("{issuer}#{subject}"));
    let why = format!(
        "no session of {whom} was there to end: an issuer and a subject stand letter for letter as in records (strongroom audit \
         tail --output json), and who is not signed in has no session"
    );
    Err(Found::Nothing(why).into())
}
