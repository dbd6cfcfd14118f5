//! `strongroom policy replays`: recorded decisions, asked again by the server, and what it keeps of that.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{table, text, utc},
    Server, Wanted, Which, is_called,
};
use crate::cli::{Output, ReplaysCommand};

/// In place of a vault's name, for the decisions of all.
const ALL: &str = "_all";

pub(super) async fn run(command: ReplaysCommand) -> anyhow::Result<()> {
    match command {
        ReplaysCommand::Run {
            name,
            vault,
            all_vaults,
            module,
            settings,
            state,
            place,
            authority,
            last,
            output,
            connection,
        } => {
            let server = Server::connect(&connection).await?;
            let which = Which { vault: vault.clone().filter(|_| !all_vaults), all_vaults };
            let mut attached = server.attached(&which).await?;
            let digest = match &module {
                Some(module) => server.digest(module).await?,
                None => attached
                    .policies
                    .iter()
                    .find(|attachment| is_called(attachment, &name))
                    .and_then(|attachment| attachment.get("module")?.as_str())
                    .context("nothing is attached under this name: say with --module which module is to be tried")?
                    .to_owned(),
            };
            let wanted = Wanted { digest, settings, state: Some(state), place, authority };
            wanted.put(&name, &mut attached.policies)?;
            let body =
                serde_json::to_vec(&json!({ "policies": attached.policies, "all_vaults": all_vaults, "last": last }))?;
            let url = server.at(&["vaults", vault.as_deref().unwrap_or(ALL), "replays"])?;
            show(&server.client.send(Method::POST, url, Some(body)).await?, output);
        }
        ReplaysCommand::List { which, output, connection } => {
            let server = Server::connect(&connection).await?;
            let found = server.client.send(Method::GET, server.at(&["vaults", of(&which), "replays"])?, None).await?;
            list(&found, output);
        }
        ReplaysCommand::Review { id, which, group, output, connection } => {
            let server = Server::connect(&connection).await?;
            let url = server.at(&["vaults", of(&which), "replays", &id, "reviews"])?;
            let body = serde_json::to_vec(&json!({ "groups": group }))?;
            show(&server.client.send(Method::POST, url, Some(body)).await?, output);
        }
        ReplaysCommand::Show { id, which, output, connection } => {
            let server = Server::connect(&connection).await?;
            let url = server.at(&["vaults", of(&which), "replays", &id])?;
            show(&server.client.send(Method::GET, url, None).await?, output);
        }
    }
    Ok(())
}

/// Whose decisions were asked again, as addresses say it.
fn of(which: &Which) -> &str {
    which.vault.as_deref().unwrap_or(ALL)
}

fn list(found: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(found));
        return;
    }
    let mut shown = table(&["ID", "WHEN", "BY", "ASKED", "NEWLY ALLOWED", "NEWLY DENIED", "INDETERMINATE"]);
    for one in array(found, "value") {
        let part = |pointer| text(one, pointer);
        let at = one.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
        shown.add_row([
            part("/id"),
            at,
            part("/by/subject"),
            part("/replayed"),
            part("/newly_allowed"),
            part("/newly_denied"),
            part("/indeterminate"),
        ]);
    }
    println!("{shown}");
}

fn show(replay: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(replay));
        return;
    }
    let headings =
        ["GROUP", "CHANGE", "COUNT", "PRINCIPAL", "OPERATION", "OBJECT", "REASON", "FOR EXAMPLE", "REVIEWED"];
    let mut shown = table(&headings);
    for (number, group) in (1_u64..).zip(array(replay, "groups")) {
        let part = |pointer| text(group, pointer);
        let mut reviews = array(replay, "reviews");
        let review = reviews.find(|review| review.get("group").and_then(Value::as_u64) == Some(number));
        shown.add_row([
            number.to_string(),
            part("/change"),
            part("/count"),
            part("/principal"),
            part("/operation"),
            part("/object"),
            part("/reason"),
            part("/samples/0"),
            review.map(|review| text(review, "/by/subject")).unwrap_or_default(),
        ]);
    }
    if array(replay, "groups").next().is_some() {
        println!("{shown}");
    }
    println!("{}", summary(replay));
}

/// What changes in all, and by which id it is found again.
fn summary(replay: &Value) -> String {
    let part = |pointer| text(replay, pointer);
    let up = if replay.get("cut").and_then(Value::as_bool) == Some(true) {
        "; time was up before all were asked"
    } else {
        ""
    };
    let left_out = match replay.get("left_out").and_then(Value::as_u64) {
        None | Some(0) => String::new(),
        Some(count) => format!(", {count} records left out that are no decisions"),
    };
    format!(
        "{} newly allowed, {} newly denied, {} indeterminate, of {} decisions asked again{left_out}{up}; kept as {}",
        part("/newly_allowed"),
        part("/newly_denied"),
        part("/indeterminate"),
        part("/replayed"),
        part("/id")
    )
}

fn array<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}
