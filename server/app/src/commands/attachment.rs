//! `strongroom policy`, for those who operate: modules on a server, and where they are attached.
//!
//! What is changed is what was read: every change names the revision that it is of, so that two people at
//! once do not undo each other.

mod pull;
mod push;
mod replays;
mod shown;

use std::cmp::Reverse;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::{admin::recover_policies, names::VaultName};
use url::Url;

use super::{done, recovery::Recovery, seal::Place, text};
use crate::{
    cli::{AttachmentAt, AttachmentCommand, Connection, Output, StateWord, Which},
    client::{Client, at, base, is_forbidden, with_way_out},
    exit::Found,
    plain::plain,
};

use shown::{LEAST_DIGEST, Modules, going_back, how_far_reviewed, print_attached, print_module, print_modules, told};

const MODULES: &str = "policy-modules";

pub(crate) async fn run(command: AttachmentCommand) -> anyhow::Result<()> {
    match command {
        AttachmentCommand::Push { file, at } => push::push(&file, &at).await,
        AttachmentCommand::List { at } => {
            let Modules(modules) = Server::connect(&at.connection).await?.modules().await?;
            print_modules(&modules, at.output);
            Ok(())
        }
        AttachmentCommand::Show { module, at } => {
            let server = Server::connect(&at.connection).await?;
            let digest = server.digest(&module).await?;
            print_module(&server.client.send(Method::GET, server.at(&[MODULES, &digest])?, None).await?, at.output);
            Ok(())
        }
        AttachmentCommand::Pull { module, out, at } => pull::pull(&module, out, &at).await,
        AttachmentCommand::Remove { module, at } => {
            let server = Server::connect(&at.connection).await?;
            let digest = server.digest(&module).await?;
            server.client.send(Method::DELETE, server.at(&[MODULES, &digest])?, None).await?;
            done(at.output, &json!({ "removed": digest }), format_args!("{module} is removed"));
            eprintln!(
                "decisions on record name it by its digest: to ask it about them again (policy reproduce) takes its file"
            );
            Ok(())
        }
        AttachmentCommand::Attached { which, output, connection } => {
            let server = Server::connect(&connection).await?;
            let shown = server.client.send(Method::GET, server.at(&which.path())?, None).await?;
            let modules = server.modules_if_told().await;
            print_attached(&shown, &modules, output);
            Ok(())
        }
        AttachmentCommand::Attach { at, module, settings, state, place, authority, force } => {
            let server = Server::connect(&at.server.connection).await?;
            let digest = server.digest(&module).await?;
            let mut attached = server.attached_to_change(&at).await?;
            let wanted = Wanted { digest, settings, state, place, authority };
            wanted.put(&at.name, &mut attached.policies)?;
            let answer = server.put(&at.which, attached, force).await?;
            told(&at, &answer, &server.modules_if_told().await, "attached, ");
            Ok(())
        }
        AttachmentCommand::Detach { at } => {
            let server = Server::connect(&at.server.connection).await?;
            let answer = match &at.which.vault {
                // By its name alone: what is to go may deny to be looked at.
                Some(vault) => {
                    if let Ok(attached) = server.attached(&at.which).await {
                        attached.place(&at)?;
                    }
                    let body = serde_json::to_vec(&json!({ "detach": at.name }))?;
                    server.client.send(Method::PATCH, server.at(&["vaults", vault])?, Some(body)).await?
                }
                None => {
                    let mut attached = server.attached(&at.which).await?;
                    let place = attached.place(&at)?;
                    attached.policies.remove(place);
                    server.put(&at.which, attached, false).await?
                }
            };
            done(at.server.output, &answer, format_args!("{} is detached from {}", at.name, at.which));
            Ok(())
        }
        AttachmentCommand::Shadow { at } => set_state(&at, StateWord::Shadow, false).await,
        AttachmentCommand::Enforce { at, force } => set_state(&at, StateWord::Enforce, force).await,
        AttachmentCommand::Rollback { at, force } => {
            let server = Server::connect(&at.server.connection).await?;
            let modules = server.modules_if_told().await;
            // Whoever may not look is told afterwards.
            if let Ok(before) = server.attached(&at.which).await {
                let now = before.policies.get(before.place(&at)?);
                if let Some(previous) = now.and_then(|now| now.get("previous")) {
                    going_back(previous, &modules);
                }
            }
            let (method, url, body) = match &at.which.vault {
                Some(vault) => {
                    let body = serde_json::to_vec(&json!({ "roll_back": at.name, "force": force }))?;
                    (Method::PATCH, server.at(&["vaults", vault])?, Some(body))
                }
                None => {
                    let mut url = server.at(&["policies", &at.name, "rollback"])?;
                    if force {
                        url.query_pairs_mut().append_pair("force", "true");
                    }
                    (Method::POST, url, None)
                }
            };
            let answer = server.client.send(method, url, body).await?;
            told(&at, &answer, &modules, "back at the module and settings before, ");
            eprintln!(
                "a change of state alone is no step back: policy enforce, policy shadow and policy attach --state off undo it"
            );
            Ok(())
        }
        AttachmentCommand::Replays(command) => replays::run(command).await,
        AttachmentCommand::Recover { which, at } => {
            let output = at.output;
            recover(&which, &Place::of(at)?, output).await
        }
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

struct Server {
    base: Url,
    client: Client,
}

/// What is attached, as it was read.
struct Attached {
    policies: Vec<Map<String, Value>>,
    /// How far what would change by each was reviewed, by its name; none where no replay tried it.
    reviewed: Map<String, Value>,
    revision: String,
}

impl Attached {
    fn place(&self, at: &AttachmentAt) -> anyhow::Result<usize> {
        let found = self.policies.iter().position(|attachment| is_called(attachment, &at.name));
        found.ok_or_else(|| {
            let names = self.policies.iter().filter_map(|one| one.get("name")?.as_str());
            let names = names.map(plain).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "nothing".to_owned() } else { names };
            let option = match &at.which.vault {
                Some(vault) => format!("--vault {vault}"),
                None => "--all-vaults".to_owned(),
            };
            let why = format!(
                "no policy module is attached as {} to {}; attached there: {names} (strongroom policy attached {option})",
                at.name, at.which
            );
            Found::Nothing(why).into()
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

    async fn modules(&self) -> anyhow::Result<Modules> {
        let answer = self.client.send(Method::GET, self.at(&[MODULES])?, None).await?;
        let mut modules = answer.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
        // By name, and of one name the newest first; one that ships came with the server, before any other.
        modules.sort_by_cached_key(|one| {
            (text(one, "/name"), Reverse(one.pointer("/uploaded_at").and_then(Value::as_i64)))
        });
        Ok(Modules(modules))
    }

    /// The modules, to name them beside their digests; those that ship alone for somebody who may not know the others.
    async fn modules_if_told(&self) -> Modules {
        self.modules().await.unwrap_or_else(|_| Modules::shipped())
    }

    /// The digest of a module that is named by it, by its beginning or by its name, if only one module fits. Who may not
    /// see which there are names those that ship all the same.
    async fn digest(&self, module: &str) -> anyhow::Result<String> {
        if module.len() == 64 && module.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(module.to_owned());
        }
        let modules = match self.modules().await {
            Err(error) if is_forbidden(&error) => {
                let shipped = Modules::shipped();
                return match shipped.meant(module).as_slice() {
                    [one] => Ok(one.clone()),
                    _ => Err(with_way_out(error, &without_a_look(module, &shipped))),
                };
            }
            answered => answered?,
        };
        match modules.meant(module).as_slice() {
            [one] => Ok(one.clone()),
            [] => {
                let why = format!(
                    "there is no policy module {module}: strongroom policy list names those there are, of whose digests at \
                     least {LEAST_DIGEST} characters will do, and strongroom policy push FILE uploads one"
                );
                Err(Found::Nothing(why).into())
            }
            several => {
                let named: Vec<String> = several.iter().map(|digest| modules.named(digest)).collect();
                bail!("several policy modules are meant by {module}, so say which by its digest: {}", named.join(", "))
            }
        }
    }

    async fn attached(&self, which: &Which) -> anyhow::Result<Attached> {
        let answer = self.client.send(Method::GET, self.at(&which.path())?, None).await?;
        let policies = answer.get("policies").and_then(Value::as_array).context("the answer has no policies")?;
        let reviewed = policies.iter().filter_map(|one| {
            let name = one.pointer("/attachment/name").and_then(Value::as_str)?;
            Some((name.to_owned(), one.get("reviewed")?.clone()))
        });
        let reviewed = reviewed.collect();
        let policies = policies.iter().filter_map(|one| one.get("attachment")?.as_object().cloned()).collect();
        Ok(Attached { policies, reviewed, revision: text(&answer, "/revision") })
    }

    /// The same, in order to change it: whom a module denies that hears what works without.
    async fn attached_to_change(&self, to: &AttachmentAt) -> anyhow::Result<Attached> {
        let attached = self.attached(&to.which).await;
        attached.map_err(|error| match &to.which.vault {
            Some(vault) if is_forbidden(&error) => with_way_out(error, &without_reading(vault)),
            _ => error,
        })
    }

    async fn put(&self, which: &Which, attached: Attached, force: bool) -> anyhow::Result<Value> {
        let policies = attached.policies;
        let (method, url, body) = match &which.vault {
            Some(vault) => {
                (Method::PATCH, self.at(&["vaults", vault])?, json!({ "policies": policies, "force": force }))
            }
            None => (Method::PUT, self.at(&["policies"])?, json!({ "policies": policies, "force": force })),
        };
        let body = serde_json::to_vec(&body)?;
        self.client.send_if(method, url, Some(body), Some(&attached.revision)).await
    }
}

/// What changes the modules of a vault without looking at them.
fn without_reading(vault: &str) -> String {
    format!(
        "an Owner of the installation needs no look for strongroom policy detach NAME --vault {vault} and strongroom policy \
         rollback NAME --vault {vault}; strongroom policy why names the one that denies, and a policy:everywhere/NAME is one of \
         --all-vaults"
    )
}

/// What to do for who may not look an uploaded module up.
fn without_a_look(module: &str, shipped: &Modules) -> String {
    format!(
        "only who may see the modules of the server finds {module} by name; its whole digest says the same and takes no such \
         right (strongroom policy inspect FILE, or policy list of somebody who may); those that ship are known by name: {}",
        shipped.names()
    )
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

async fn set_state(at: &AttachmentAt, state: StateWord, force: bool) -> anyhow::Result<()> {
    let server = Server::connect(&at.server.connection).await?;
    let mut attached = server.attached_to_change(at).await?;
    let place = attached.place(at)?;
    if let Some(attachment) = attached.policies.get_mut(place) {
        attachment.insert("state".to_owned(), state.as_str().into());
    }
    let reviewed = attached.reviewed.get(&at.name).cloned();
    let answer = server.put(&at.which, attached, force).await?;
    told(at, &answer, &server.modules_if_told().await, "");
    if state == StateWord::Enforce {
        eprintln!("{}", how_far_reviewed(reviewed.as_ref()));
    }
    Ok(())
}

async fn recover(which: &Which, place: &Place, output: Output) -> anyhow::Result<()> {
    let vault = which.vault.as_deref().map(VaultName::parse).transpose()?;
    let recovery = Recovery::begin(place, "policy-recover").await?;
    let Recovery { ctx, keyring, store, recorder, .. } = &recovery;
    let recovered = recover_policies(ctx, keyring, (&**store, &**store), recorder, vault.as_ref()).await;
    let off = recovered.as_ref().map(|recovered| recovered.attachments.clone()).unwrap_or_default();
    let said = match off.as_slice() {
        [] => "no module was on".to_owned(),
        some => format!("off now: {}", some.join(", ")),
    };
    recovery.end(recovered.map(drop), output, json!({ "off": off }), &[said]).await
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
