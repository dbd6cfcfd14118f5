//! A question as it stands in the address: who would do what to what, from where and when. Read as the API reads the
//! same question.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value, json};
use strongroom_domain::{
    action::Action,
    admin::Described,
    key::KeyAlgorithm,
    names::{ObjectKind, VaultName},
    policy::{PolicyPrincipal, PolicyRequest},
    principal::PrincipalKind,
};
use strongroom_web::{Field, FieldKind, Form, say};
use uuid::Uuid;

use crate::{
    api::manage::foresee,
    dashboard::{
        access::known::Known,
        form::read_moment,
        frame::Viewer,
        links,
        refusal::{Refusal, Stopped},
        snippets::quoted,
        view,
    },
    message::Request,
};

const NAMES: [&str; 14] = [
    "client_id",
    "issuer",
    "subject",
    "kind",
    "groups",
    "claims",
    "action",
    "vault",
    "name",
    "version",
    "algorithm",
    "from",
    "listener",
    "at",
];
/// The kind of a principal that is no person.
const WORKLOAD: &str = "workload";

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::dashboard) struct Asked(BTreeMap<&'static str, String>);

impl Asked {
    pub(in crate::dashboard) fn of(request: &Request) -> Self {
        let given = |name: &'static str| {
            let text = request.query(name).unwrap_or_default().replace("\r\n", "\n");
            let text = text.trim();
            (!text.is_empty()).then(|| (name, text.to_owned()))
        };
        Self(NAMES.into_iter().filter_map(given).collect())
    }

    /// That of a request that is described already. What a write would make of the object is no part of it.
    pub(super) fn of_described(described: &Described, vault: &VaultName, own_issuer: &str) -> Self {
        let principal = &described.principal;
        let mut texts = BTreeMap::new();
        match principal.id.workload_of(own_issuer) {
            Some(client_id) => {
                texts.insert("client_id", client_id.to_string());
            }
            None => {
                texts.insert("issuer", principal.id.issuer.clone());
                texts.insert("subject", principal.id.subject.clone());
                if principal.kind == PrincipalKind::Workload {
                    texts.insert("kind", WORKLOAD.to_owned());
                }
            }
        }
        texts.insert("groups", principal.groups.join("\n"));
        let claims = principal.claims.iter().map(|(name, value)| format!("{name}={value}"));
        texts.insert("claims", claims.collect::<Vec<_>>().join("\n"));
        texts.insert("action", described.action.operation().to_owned());
        texts.insert("vault", vault.as_str().to_owned());
        texts.extend(described.name.as_ref().map(|name| ("name", name.as_str().to_owned())));
        texts.extend(described.version.as_ref().map(|version| ("version", version.as_str().to_owned())));
        texts.extend(described.algorithm.map(|algorithm| ("algorithm", KeyAlgorithm::as_str(algorithm).to_owned())));
        texts.extend(described.client.map(|client| ("from", client.to_canonical().to_string())));
        texts.extend(described.listener.clone().map(|listener| ("listener", listener)));
        texts.retain(|_, text| !text.is_empty());
        Self(texts)
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// One a line.
    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// Whether nothing is asked, or no more than which vault it will be about.
    pub(super) fn is_empty(&self) -> bool {
        self.0.keys().all(|name| *name == "vault")
    }

    /// Whether the command line can ask the same: it takes whoever an issuer signs in for a person.
    fn is_of_command_line(&self) -> bool {
        self.text("kind") != WORKLOAD || self.given("client_id").is_some()
    }

    /// An address with this question.
    pub(super) fn address(&self, path: &str, others: &[(&'static str, Option<&str>)]) -> String {
        let own = self.0.iter().map(|(name, text)| (*name, Some(text.as_str())));
        links::asked(path, &own.chain(others.iter().copied()).collect::<Vec<_>>())
    }

    /// The question in the terms of the domain.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn read(&self, viewer: &Viewer<'_>) -> Result<(VaultName, Described), Stopped> {
        let vault = VaultName::parse(self.text("vault"))
            .map_err(|_| Refusal::of_field("vault", say!("why-asked-say-which-vault-it-is")))?;
        let described = foresee::described(self.body()?, &viewer.services.objects.gate.own_issuer)?;
        Ok((vault, described))
    }

    /// The question as the API takes it.
    ///
    /// # Errors
    /// Which field cannot be read.
    pub(super) fn body(&self) -> Result<Value, Refusal> {
        let mut body = Map::new();
        if let Some(client_id) = self.given("client_id") {
            let client_id = Uuid::try_parse(client_id)
                .map_err(|_| Refusal::of_field("client_id", say!("why-asked-a-client-id-is-a-uuid")))?;
            body.insert("client_id".to_owned(), client_id.to_string().into());
        } else {
            let id = json!({ "issuer": self.text("issuer"), "subject": self.text("subject") });
            body.insert("principal".to_owned(), id);
            if self.text("kind") == WORKLOAD {
                body.insert("kind".to_owned(), WORKLOAD.into());
            }
        }
        let groups: Vec<&str> = self.lines("groups").collect();
        if !groups.is_empty() {
            body.insert("groups".to_owned(), groups.into());
        }
        let mut claims = Map::new();
        for line in self.lines("claims") {
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| Refusal::of_field("claims", say!("why-asked-a-claim-is-name-value")))?;
            claims.insert(name.trim().to_owned(), value.trim().into());
        }
        if !claims.is_empty() {
            body.insert("claims".to_owned(), claims.into());
        }
        if let Some(from) = self.given("from") {
            let from: IpAddr =
                from.parse().map_err(|_| Refusal::of_field("from", say!("why-asked-this-is-no-address")))?;
            body.insert("client".to_owned(), from.to_string().into());
        }
        if let Some(at) = self.seconds()? {
            body.insert("at".to_owned(), at.saturating_mul(1000).into());
        }
        for (name, member) in [
            ("action", "operation"),
            ("name", "name"),
            ("version", "version"),
            ("algorithm", "algorithm"),
            ("listener", "listener"),
        ] {
            if let Some(text) = self.given(name) {
                body.insert(member.to_owned(), text.into());
            }
        }
        Ok(body.into())
    }

    fn seconds(&self) -> Result<Option<i64>, Refusal> {
        let Some(at) = self.given("at") else { return Ok(None) };
        let read = read_moment(at).ok_or_else(|| Refusal::of_field("at", say!("why-asked-this-is-no-moment")))?;
        Ok(Some(read))
    }

    /// The command that asks the same; none where there is none.
    pub(super) fn command(&self) -> Option<String> {
        if !self.is_of_command_line() {
            return None;
        }
        let who = match self.given("client_id") {
            Some(client_id) => client_id.to_owned(),
            None => format!("{}#{}", self.text("issuer"), self.text("subject")),
        };
        let mut command = format!("policy why --as {}", quoted(&who));
        let mut add = |option: &str, text: &str| command.push_str(&format!(" --{option} {}", quoted(text)));
        for group in self.lines("groups") {
            add("group", group);
        }
        for claim in self.lines("claims") {
            add("claim", claim);
        }
        add("action", self.text("action"));
        add("object", &self.object());
        for (name, option) in [("algorithm", "algorithm"), ("from", "from"), ("listener", "listener")] {
            if let Some(text) = self.given(name) {
                add(option, text);
            }
        }
        if let Ok(Some(at)) = self.seconds() {
            add("at", &view::moment(at).iso);
        }
        Some(command)
    }

    /// `payments/secrets/db-password`: what it is about, as the command line has it.
    fn object(&self) -> String {
        let mut parts = vec![self.text("vault")];
        match Action::in_vault(self.text("action")).map(Action::object_kind) {
            None | Some(ObjectKind::Vault) => {}
            Some(ObjectKind::Secret) => parts.push("secrets"),
            Some(ObjectKind::Key) => parts.push("keys"),
            Some(_) => parts.push("certificates"),
        }
        if parts.len() > 1 {
            parts.extend(self.given("name"));
            parts.extend(self.given("name").and(self.given("version")));
        }
        parts.join("/")
    }

    /// A module's view of it, in the place of an example: what is not asked is left as it is there.
    pub(in crate::dashboard) fn over(&self, example: PolicyRequest) -> PolicyRequest {
        if self.is_empty() {
            return example;
        }
        let action = Action::in_vault(self.text("action"));
        let mut request = example;
        if let (Some(issuer), Some(subject)) = (self.given("issuer"), self.given("subject")) {
            let kind = self.given("kind").unwrap_or("user").to_owned();
            request.principal = PolicyPrincipal {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                kind,
                ..PolicyPrincipal::default()
            };
        } else if let Some(client_id) = self.given("client_id") {
            client_id.clone_into(&mut request.principal.subject);
            WORKLOAD.clone_into(&mut request.principal.kind);
        }
        request.principal.groups = self.lines("groups").map(str::to_owned).collect();
        let claims = self.lines("claims").filter_map(|line| line.split_once('='));
        request.principal.claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if let Some(action) = action {
            action.data_action().clone_into(&mut request.action);
            action.object_kind().as_str().clone_into(&mut request.object.kind);
        }
        self.text("vault").clone_into(&mut request.object.vault);
        self.text("name").clone_into(&mut request.object.name);
        request.object.version = self.given("version").map(str::to_owned);
        if let Some(from) = self.given("from") {
            from.clone_into(&mut request.connection.client_address);
        }
        if let Some(listener) = self.given("listener") {
            listener.clone_into(&mut request.connection.listener);
        }
        if let Ok(Some(at)) = self.seconds() {
            request.time = at;
        }
        request
    }

    /// The form, filled in.
    pub(super) fn form(&self, known: &Known, vaults: &[(String, String)]) -> Form {
        let line = |name: &str, label: &str, max| Field::line(name, label, self.text(name), max);
        let lines = |name: &str, label: &str| Field::lines(name, label, self.text(name), 2);
        let actions: BTreeMap<String, String> = Action::ALL
            .iter()
            .filter(|action| Action::in_vault(action.operation()).is_some())
            .map(|action| (action.operation().to_owned(), action.data_action().to_owned()))
            .collect();
        Form {
            action: links::WHY.to_owned(),
            fields: vec![
                line("client_id", say!("why-asked-who-a-workload"), 36)
                    .hint(say!("why-asked-either-a-client-id-or"))
                    .known(&known.workloads),
                line("issuer", say!("why-asked-issuer"), 1024).known(&known.issuers),
                line("subject", say!("why-asked-subject"), 1024).known(&known.subjects),
                Field::choice(
                    "kind",
                    say!("why-asked-kind"),
                    &[("", say!("why-asked-a-person")), (WORKLOAD, say!("why-asked-a-workload"))],
                    self.text("kind"),
                ),
                lines("groups", say!("why-asked-groups")).hint(say!("why-asked-one-a-line")),
                lines("claims", say!("why-asked-claims")).hint(say!("why-asked-name-value-one-a-line")),
                line("action", say!("why-asked-does"), 64).hint(say!("why-asked-as-records-name-it")).known(&actions),
                line("vault", say!("why-asked-to-the-vault"), 24).known(vaults.iter().map(|(name, said)| (name, said))),
                line("name", say!("why-asked-object"), 127).hint(say!("why-asked-its-kind-is-that-of")),
                line("version", say!("why-asked-version"), 32).hint(say!("why-asked-the-current-one-when-empty")),
                line("algorithm", say!("why-asked-algorithm"), 32).hint(say!("why-asked-of-an-operation-with-a-key")),
                line("from", say!("why-asked-from-address"), 45).hint(say!("why-asked-yours-when-empty")),
                line("listener", say!("why-asked-listener"), 32).hint(say!("why-asked-that-of-your-connection")),
                Field::new("at", say!("why-asked-at-utc"), FieldKind::Moment { value: self.text("at").to_owned() })
                    .hint(say!("why-asked-now-when-empty")),
            ],
            submit: say!("why-asked-explain").to_owned(),
            cancel_href: (!self.is_empty()).then(|| links::WHY.to_owned()),
            ..Form::default()
        }
    }
}
