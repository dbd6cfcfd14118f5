//! `strongroom policy`, for those who operate: modules on a server, and where they are attached.
//!
//! What is changed is what was read: every change names the revision that it is of, so that two people at
//! once do not undo each other.

use std::{io::ErrorKind, path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_crypto::SystemEntropy;
use strongroom_domain::{
    admin::recover_policies,
    names::VaultName,
    policy_module::MAX_MODULE_BYTES,
    record::{Recorder, spawn},
    time::Clock,
};
use url::Url;

use super::{facts, listed, policy::signature_beside, seal::Place, settings_schema, table, text, utc};
use crate::{
    cli::{AttachmentAt, AttachmentCommand, Connection, Output, StateWord, Which},
    client::{Client, at, base},
    clock::SystemClock,
    covering::cover_once,
    exit::Found,
    installation::{self, Opening},
    plain::plain,
    serve::system_request,
};

const MODULES: &str = "policy-modules";

pub(crate) async fn run(command: AttachmentCommand) -> anyhow::Result<()> {
    match command {
        AttachmentCommand::Push { file, connection } => push(&file, &connection).await,
        AttachmentCommand::List { at } => {
            let modules = Server::connect(&at.connection).await?.modules().await?;
            print_modules(&modules, at.output);
            Ok(())
        }
        AttachmentCommand::Show { module, at } => {
            let server = Server::connect(&at.connection).await?;
            let digest = server.digest(&module).await?;
            print_module(&server.client.send(Method::GET, server.at(&[MODULES, &digest])?, None).await?, at.output);
            Ok(())
        }
        AttachmentCommand::Remove { module, connection } => {
            let server = Server::connect(&connection).await?;
            let digest = server.digest(&module).await?;
            server.client.send(Method::DELETE, server.at(&[MODULES, &digest])?, None).await?;
            println!("{module} is removed");
            Ok(())
        }
        AttachmentCommand::Attached { which, output, connection } => {
            let server = Server::connect(&connection).await?;
            let shown = server.client.send(Method::GET, server.at(&which.path())?, None).await?;
            print_attached(&shown, output);
            Ok(())
        }
        AttachmentCommand::Attach { at, module, settings, state, place, authority } => {
            let server = Server::connect(&at.connection).await?;
            let digest = server.digest(&module).await?;
            let mut attached = server.attached(&at.which).await?;
            let wanted = Wanted { digest, settings, state, place, authority };
            wanted.put(&at.name, &mut attached.policies)?;
            let answer = server.put(&at.which, attached).await?;
            told(&at, &answer, "attached, ");
            Ok(())
        }
        AttachmentCommand::Detach { at } => {
            let server = Server::connect(&at.connection).await?;
            let mut attached = server.attached(&at.which).await?;
            let place = attached.place(&at)?;
            attached.policies.remove(place);
            server.put(&at.which, attached).await?;
            println!("{} is detached from {}", at.name, at.which);
            Ok(())
        }
        AttachmentCommand::Shadow { at } => set_state(&at, StateWord::Shadow).await,
        AttachmentCommand::Enforce { at } => set_state(&at, StateWord::Enforce).await,
        AttachmentCommand::Rollback { at } => {
            let server = Server::connect(&at.connection).await?;
            let (method, url, body) = match &at.which.vault {
                Some(vault) => {
                    let body = serde_json::to_vec(&json!({ "roll_back": at.name }))?;
                    (Method::PATCH, server.at(&["vaults", vault])?, Some(body))
                }
                None => (Method::POST, server.at(&["policies", &at.name, "rollback"])?, None),
            };
            let answer = server.client.send(method, url, body).await?;
            told(&at, &answer, "back at the module and settings before, ");
            eprintln!(
                "a change of state alone is no step back: policy enforce, policy shadow and policy attach --state off undo it"
            );
            Ok(())
        }
        AttachmentCommand::Recover { which, at } => recover(&which, &Place::of(at)?).await,
    }
}

impl Which {
    /// Where what is attached is read.
    fn path(&self) -> Vec<&str> {
        match &self.vault {
            Some(vault) => vec!["vaults", vault, "policies"],
            None => vec!["policies"],
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.vault {
            Some(vault) => write!(f, "the vault {vault}"),
            None => f.write_str("all vaults"),
        }
    }
}

/// Says how an attachment stands now that it was changed.
fn told(at: &AttachmentAt, answer: &Value, done: &str) {
    let of_vault = answer.pointer("/settings/policies").and_then(Value::as_array);
    let everywhere = answer.get("policies").and_then(Value::as_array);
    let all = of_vault.into_iter().flatten().chain(everywhere.into_iter().flatten());
    let mut all = all.map(|one| one.get("attachment").unwrap_or(one));
    let found = all.find(|one| one.get("name").and_then(Value::as_str) == Some(&at.name));
    let means = match found.and_then(|one| one.get("state")).and_then(Value::as_str) {
        Some("enforce") => "enforce: its denials deny from the next request on",
        Some("shadow") => "shadow: asked without a say; policy attached counts what it would have said",
        Some("off") => "off: not asked",
        _ => "as policy attached shows",
    };
    println!("{} at {} is {done}in the state {means}", at.name, at.which);
    let module = found.map(|one| text(one, "/module")).unwrap_or_default();
    if !module.is_empty() {
        println!("module {module}");
    }
}

struct Server {
    base: Url,
    client: Client,
}

/// What is attached, as it was read.
struct Attached {
    policies: Vec<Map<String, Value>>,
    revision: String,
}

impl Attached {
    fn place(&self, at: &AttachmentAt) -> anyhow::Result<usize> {
        let found = self.policies.iter().position(|attachment| is_called(attachment, &at.name));
        found.with_context(|| {
            let names = self.policies.iter().filter_map(|one| one.get("name")?.as_str());
            let names = names.map(plain).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "nothing".to_owned() } else { names };
            let option = match &at.which.vault {
                Some(vault) => format!("--vault {vault}"),
                None => "--all-vaults".to_owned(),
            };
            format!(
                "no policy module is attached as {} to {}; attached there: {names} (strongroom policy attached {option})",
                at.name, at.which
            )
        })
    }
}

fn is_called(attachment: &Map<String, Value>, name: &str) -> bool {
    attachment.get("name").and_then(Value::as_str) == Some(name)
}

impl Server {
    async fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let base = base(connection)?;
        let client = Client::connect(connection, &base).await?;
        Ok(Self { base, client })
    }

    fn at(&self, path: &[&str]) -> anyhow::Result<Url> {
        at(&self.base, &[&["api", "v1"], path].concat(), &[])
    }

    async fn modules(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self.client.send(Method::GET, self.at(&[MODULES])?, None).await?;
        Ok(answer.get("value").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// The digest of a module that is named by it, or by its name if only one has that.
    async fn digest(&self, module: &str) -> anyhow::Result<String> {
        let called = |one: &Value| one.get("name").and_then(Value::as_str) == Some(module);
        if module.len() == 64 && module.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(module.to_owned());
        }
        let named: Vec<Value> = self.modules().await?.into_iter().filter(called).collect();
        match named.as_slice() {
            [one] => Ok(text(one, "/digest")),
            [] => {
                let why = format!(
                    "there is no policy module {module}: strongroom policy list names those there are, and strongroom policy \
                     push FILE uploads one"
                );
                Err(Found::Nothing(why).into())
            }
            several => {
                let digests: Vec<String> = several.iter().map(|one| text(one, "/digest")).collect();
                bail!("several policy modules are called {module}, so say which by its digest: {}", digests.join(", "))
            }
        }
    }

    async fn attached(&self, which: &Which) -> anyhow::Result<Attached> {
        let answer = self.client.send(Method::GET, self.at(&which.path())?, None).await?;
        let policies = answer.get("policies").and_then(Value::as_array).context("the answer has no policies")?;
        let policies = policies.iter().filter_map(|one| one.get("attachment")?.as_object().cloned()).collect();
        Ok(Attached { policies, revision: text(&answer, "/revision") })
    }

    async fn put(&self, which: &Which, attached: Attached) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(&json!({ "policies": attached.policies }))?;
        let (method, url) = match &which.vault {
            Some(vault) => (Method::PATCH, self.at(&["vaults", vault])?),
            None => (Method::PUT, self.at(&["policies"])?),
        };
        self.client.send_if(method, url, Some(body), Some(&attached.revision)).await
    }
}

/// What is to be attached.
struct Wanted {
    digest: String,
    settings: Option<String>,
    state: Option<StateWord>,
    place: Option<usize>,
    authority: bool,
}

impl Wanted {
    fn put(self, name: &str, policies: &mut Vec<Map<String, Value>>) -> anyhow::Result<()> {
        if let Some(settings) = &self.settings {
            serde_json::from_str::<Value>(settings).context("the settings are not JSON")?;
        }
        let before = policies.iter().position(|attachment| is_called(attachment, name));
        let place = match (self.place, before) {
            (Some(place), _) => place.checked_sub(1).context("places are counted from 1")?,
            (None, Some(before)) => before,
            (None, None) => policies.len(),
        };
        let mut attachment = match before {
            Some(before) => policies.remove(before),
            None => [("name", name), ("settings", "{}"), ("state", "shadow")]
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .into_iter()
                .collect(),
        };
        let mut say = |key: &str, value: Value| attachment.insert(key.to_owned(), value);
        if place > policies.len() {
            bail!("{} are attached: nothing can be put in place {}", policies.len(), place.saturating_add(1));
        }
        say("module", self.digest.into());
        if let Some(settings) = self.settings {
            say("settings", settings.into());
        }
        if let Some(state) = self.state {
            say("state", state.as_str().into());
        }
        if self.authority {
            say("authority", true.into());
        }
        policies.insert(place, attachment);
        Ok(())
    }
}

async fn set_state(at: &AttachmentAt, state: StateWord) -> anyhow::Result<()> {
    let server = Server::connect(&at.connection).await?;
    let mut attached = server.attached(&at.which).await?;
    let place = attached.place(at)?;
    if let Some(attachment) = attached.policies.get_mut(place) {
        attachment.insert("state".to_owned(), state.as_str().into());
    }
    let answer = server.put(&at.which, attached).await?;
    told(at, &answer, "");
    Ok(())
}

async fn push(file: &Path, connection: &Connection) -> anyhow::Result<()> {
    let module = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if module.len() > MAX_MODULE_BYTES {
        bail!("{} is larger than the 4 MiB that a policy module may have", file.display());
    }
    let server = Server::connect(connection).await?;
    let mut url = server.at(&[MODULES])?;
    let beside = signature_beside(file);
    match std::fs::read(&beside) {
        Ok(signature) => {
            url.query_pairs_mut().append_pair("signature", &BASE64URL_NOPAD.encode(&signature));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", beside.display())),
    }
    let made = server.client.send(Method::POST, url, Some(module)).await?;
    println!("{}", text(&made, "/digest"));
    Ok(())
}

async fn recover(which: &Which, place: &Place) -> anyhow::Result<()> {
    let vault = which.vault.as_deref().map(VaultName::parse).transpose()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let source = place.source()?;
    let opening = Opening {
        data: &place.data,
        database: place.database.as_deref(),
        source: &source,
        node: &place.node,
        development: None,
    };
    let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await?;
    let store = Arc::new(opened.store);
    let (committer, task) = spawn(store.clone());
    let recorder = Recorder::new(committer, Arc::clone(&clock));
    let ctx = system_request(&*clock, "policy-recover")?;
    let recovered = recover_policies(&ctx, &opened.keyring, (&*store, &*store), &recorder, vault.as_ref()).await;
    drop(recorder);
    task.await?;
    let recovered = recovered?;
    match recovered.attachments.as_slice() {
        [] => println!("no module was on"),
        some => println!("off now: {}", some.join(", ")),
    }
    println!("recorded as {}", ctx.request_id);
    cover_once(&store, opened.auditor, opened.installation.id, &place.data, &*clock).await
}

fn print_module(module: &Value, output: Output) {
    if output == Output::Json {
        println!("{module}");
        return;
    }
    let by = match module.get("ships").and_then(Value::as_bool) {
        Some(true) => "ships with the server".to_owned(),
        _ => {
            let at = module.get("uploaded_at").and_then(Value::as_i64).map(utc).unwrap_or_default();
            format!("uploaded {at} by {}", text(module, "/uploaded_by/subject"))
        }
    };
    println!(
        "{}",
        facts([
            ("name", text(module, "/name")),
            ("version", text(module, "/version")),
            ("summary", text(module, "/summary")),
            ("digest", text(module, "/digest")),
            ("size", format!("{} bytes", text(module, "/size"))),
            ("from", by),
            ("actions", listed(module, "/actions")),
        ])
    );
    let schema = module.get("settings_schema").and_then(Value::as_str);
    if let Some(schema) = schema.and_then(|schema| serde_json::from_str::<Value>(schema).ok()) {
        println!("{}", settings_schema(&schema));
    }
}

fn print_modules(modules: &[Value], output: Output) {
    if output == Output::Json {
        println!("{}", Value::Array(modules.to_vec()));
        return;
    }
    let mut shown = table(&["NAME", "VERSION", "SIZE", "UPLOADED", "BY", "DIGEST"]);
    for module in modules {
        let ships = module.get("ships").and_then(Value::as_bool) == Some(true);
        let at = module.get("uploaded_at").and_then(Value::as_i64).map(utc).unwrap_or_default();
        let at = if ships { "ships".to_owned() } else { at };
        shown.add_row([
            text(module, "/name"),
            text(module, "/version"),
            text(module, "/size"),
            at,
            text(module, "/uploaded_by/subject"),
            text(module, "/digest"),
        ]);
    }
    println!("{shown}");
}

fn print_attached(attached: &Value, output: Output) {
    if output == Output::Json {
        println!("{attached}");
        return;
    }
    let mut shown =
        table(&["NAME", "STATE", "MODULE", "SETTINGS", "WOULD ALLOW", "WOULD DENY", "WOULD FAIL", "OVER BUDGET"]);
    for one in attached.get("policies").and_then(Value::as_array).into_iter().flatten() {
        shown.add_row(
            [
                "/attachment/name",
                "/attachment/state",
                "/attachment/module",
                "/attachment/settings",
                "/shadow/would_allow",
                "/shadow/would_deny",
                "/shadow/would_fail",
                "/shadow/over_budget",
            ]
            .map(|pointer| text(one, pointer)),
        );
    }
    println!("{shown}");
    for one in attached.get("policies").and_then(Value::as_array).into_iter().flatten() {
        for sample in one.pointer("/shadow/samples").and_then(Value::as_array).into_iter().flatten() {
            let at = sample.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
            let name = text(one, "/attachment/name");
            println!("{at}  {name} would have denied {}: {}", text(sample, "/decision"), text(sample, "/reason"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(digest: &str) -> Wanted {
        Wanted { digest: digest.to_owned(), settings: None, state: None, place: None, authority: false }
    }

    #[test]
    fn a_new_attachment_begins_in_shadow_and_another_version_keeps_what_is_not_said() {
        let mut policies = Vec::new();
        wanted("o").put("other", &mut policies).unwrap();
        wanted("a").put("rule", &mut policies).unwrap();
        let shown = |policies: &[Map<String, Value>], place: usize| Value::from(policies[place].clone());
        let new = json!({ "name": "rule", "module": "a", "settings": "{}", "state": "shadow" });
        assert_eq!(shown(&policies, 1), new);
        let settings = Some(r#"{"x":1}"#.to_owned());
        Wanted { settings, state: Some(StateWord::Enforce), ..wanted("a") }.put("rule", &mut policies).unwrap();
        wanted("b").put("rule", &mut policies).unwrap();
        let kept = json!({ "name": "rule", "module": "b", "settings": r#"{"x":1}"#, "state": "enforce" });
        assert_eq!(shown(&policies, 1), kept);
        Wanted { place: Some(1), ..wanted("b") }.put("rule", &mut policies).unwrap();
        assert_eq!(shown(&policies, 0), kept);
        assert!(Wanted { place: Some(4), ..wanted("b") }.put("third", &mut policies).is_err());
        assert!(Wanted { settings: Some("{".to_owned()), ..wanted("b") }.put("rule", &mut policies).is_err());
    }
}
