//! `strongroom login`, `logout` and `whoami`.
//!
//! A person signs in at the server in the browser, at whichever provider the server has, and lets this command line
//! act as them for an hour (RFC 8252, RFC 7636). The token is kept for later commands; the person's password and the
//! provider's tokens never come here.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::{Entropy as _, SecretText, SystemEntropy, sha256};
use strongroom_domain::{entrance::command_line::comparison, time::Clock as _};
use url::Url;
use zeroize::Zeroizing;

use super::{done, facts, listed, permitted, table, text, utc};
use crate::{
    cli::{Connection, LoginArgs, Output, ServerAt},
    client::{self, Client, Credential, Door, base},
    clock::SystemClock,
    kept_login::KeptLogin,
    loopback::Loopback,
    plain::plain,
};

pub(crate) async fn login(args: LoginArgs) -> anyhow::Result<()> {
    let to = &args.server.connection;
    let door = Door::find(to, &base(to)?).await?;
    let server = door.base.clone();
    let kept = if args.client_credentials {
        by_client_credentials(&door, to).await?
    } else {
        in_the_browser(&door, !args.no_browser).await?
    };
    let path = kept.keep(&server)?;
    let words = format!(
        "Signed in as {} until {}.\nKept in {}; strongroom logout ends it.",
        plain(&kept.name),
        utc(kept.expires_at),
        path.display()
    );
    done(args.server.output, &json!({ "name": kept.name, "expires_at": kept.expires_at, "kept_in": path }), words);
    if to.client_id.is_some() && !args.client_credentials {
        eprintln!("AZURE_CLIENT_ID is set: commands go on as that workload until it is unset.");
    }
    Ok(())
}

async fn by_client_credentials(door: &Door, connection: &Connection) -> anyhow::Result<KeptLogin> {
    let (client_id, credential) = Credential::of_environment(connection.client_id.as_deref())?
        .context("no client id: set AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")?;
    let now = SystemClock::new().now_millis();
    let (token, seconds) = door.exchange(client_id, &credential).await?;
    let expires_at = now.saturating_add(seconds.saturating_mul(1000));
    Ok(KeptLogin { token, name: client_id.to_owned(), expires_at })
}

async fn in_the_browser(door: &Door, open: bool) -> anyhow::Result<KeptLogin> {
    let loopback = Loopback::open()?;
    let redirect_uri = loopback.redirect_uri.clone();
    let (state, verifier) = (random()?, random()?);
    let challenge = BASE64URL_NOPAD.encode(&sha256(verifier.as_bytes()));
    let query = [("redirect_uri", redirect_uri.as_str()), ("state", &state), ("code_challenge", &challenge)];
    let address = client::at(&door.base, &["command-line"], &query)?;
    eprintln!("Sign in in your browser: {address}");
    eprintln!("Allow it there if the page shows {}", comparison(&challenge));
    if open && !opens(&address) {
        eprintln!("No browser could be opened: open the address yourself, on this machine.");
    }
    let code = loopback.code(&state, &door.base.origin().ascii_serialization()).await?;
    let body = json!({ "code": code.expose(), "code_verifier": verifier.as_str(), "redirect_uri": redirect_uri });
    let mut answer = door.post(&["api", "v1", "session"], serde_json::to_vec(&body)?).await?;
    let token = match answer.get_mut("access_token").map(Value::take) {
        Some(Value::String(token)) => SecretText::new(token),
        _ => bail!("the answer has no access_token"),
    };
    let expires_at =
        answer.get("expires_at").and_then(Value::as_i64).context("the answer does not say when it ends")?;
    let name = match text(&answer, "/name") {
        name if name.trim().is_empty() => text(&answer, "/subject"),
        name => name,
    };
    Ok(KeptLogin { token, name, expires_at })
}

/// 32 random bytes in base64url.
fn random() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    SystemEntropy.fill(bytes.as_mut_slice())?;
    Ok(Zeroizing::new(BASE64URL_NOPAD.encode(bytes.as_slice())))
}

/// Whether a program was found that opens the address: `$BROWSER`, or what the desktop has.
fn opens(address: &Url) -> bool {
    let own = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let programs = own.iter().map(String::as_str).chain(["xdg-open", "open", "wslview"]);
    // Of the secrets in this environment a browser needs none.
    let start = |program: &str| {
        Command::new(program)
            .arg(address.as_str())
            .env_remove("AZURE_CLIENT_SECRET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .is_ok()
    };
    programs.into_iter().any(start)
}

pub(crate) async fn logout(at: &ServerAt) -> anyhow::Result<()> {
    let connection = &at.connection;
    let door = Door::find(connection, &base(connection)?).await;
    // Without an answer from the server what is kept goes all the same.
    let server = match &door {
        Ok(door) => door.base.clone(),
        Err(_) => base(connection)?,
    };
    let Some(kept) = KeptLogin::find(&server)? else {
        let nobody = format!("Nobody is signed in at {}.", server.origin().ascii_serialization());
        done(at.output, &json!({ "signed_out": null }), nobody);
        return Ok(());
    };
    KeptLogin::forget(&server)?;
    let client = door.context("the login is forgotten here, and the server could not be told")?.with(kept.token);
    // A workload's token is of no session and ends by itself; so does one that has ended already.
    match client.send(Method::DELETE, client::at(&server, &["api", "v1", "session"], &[])?, None).await {
        Ok(_) => {}
        Err(error) => match error.downcast_ref::<client::Refused>().map(|refused| refused.status.as_u16()) {
            Some(400 | 401) => {}
            _ => return Err(error.context("the login is forgotten here, and the server did not end it")),
        },
    }
    done(at.output, &json!({ "signed_out": kept.name }), format_args!("{} is signed out.", plain(&kept.name)));
    Ok(())
}

pub(crate) async fn whoami(at: &ServerAt) -> anyhow::Result<()> {
    let base = base(&at.connection)?;
    let client = Client::connect(&at.connection, &base).await?;
    let answer = client.send(Method::GET, client::at(&base, &["api", "v1", "session"], &[])?, None).await?;
    if at.output == Output::Json {
        println!("{}", crate::plain::json(&answer));
        return Ok(());
    }
    for line in told(&answer) {
        println!("{line}");
    }
    Ok(())
}

/// Who somebody is and what they hold, in lines.
fn told(answer: &Value) -> Vec<String> {
    let until = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_i64).map(utc);
    let who = facts([
        ("name", text(answer, "/name")),
        ("principal", format!("{}#{}", text(answer, "/issuer"), text(answer, "/subject"))),
        ("kind", text(answer, "/kind")),
        ("groups", listed(answer, "/groups")),
        ("tenant", text(answer, "/tenant")),
        ("until", until(answer, "/expires_at").unwrap_or_default()),
    ]);
    let mut holds = table(&["HOLDS", "WHERE", "BY", "UNTIL", "ASSIGNMENT"]);
    let by = |held: &Value| match text(held, "/group") {
        group if group.is_empty() => String::new(),
        group => format!("group {group}"),
    };
    let of = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for held in of("roles") {
        let end = until(&held, "/ends_at").unwrap_or_default();
        holds.add_row([text(&held, "/role"), text(&held, "/scope"), by(&held), end, text(&held, "/id")]);
    }
    for held in of("access_policies") {
        let place = format!("/vaults/{}", text(&held, "/vault"));
        holds.add_row([format!("access policy, {}", permitted(&held)), place, by(&held), String::new(), String::new()]);
    }
    let mut lines = vec![who.to_string()];
    if holds.is_empty() {
        lines.push(
            "holds nothing here: ask an owner of the installation for a role, and tell them the principal above"
                .to_owned(),
        );
    } else {
        lines.push(holds.to_string());
    }
    if answer.get("more") == Some(&Value::Bool(true)) {
        lines.push("and more: only the first of them are shown".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_told_who_it_is_and_what_it_holds() {
        let answer = json!({
            "issuer": "https://vault", "subject": "0190", "kind": "workload", "groups": [], "name": "app\u{1b}", "tenant": "t",
            "expires_at": 1_700_000_000_000_i64, "more": false,
            "roles": [
                { "id": "0191", "role": "Key Vault Administrator", "scope": "/vaults/demo" },
                { "role": "Key Vault Reader", "scope": "/", "group": "team", "ends_at": 1_700_000_000_000_i64 },
            ],
            "access_policies": [{ "vault": "old", "permissions": { "secrets": ["get", "list"] } }],
        });
        insta::assert_snapshot!(told(&answer).join("\n"));
        let nothing =
            json!({ "issuer": "https://idp", "subject": "ada", "kind": "user", "roles": [], "access_policies": [] });
        insta::assert_snapshot!(told(&nothing).join("\n"));
    }
}
