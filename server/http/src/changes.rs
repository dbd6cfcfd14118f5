//! A single change of a rule in words, and as the command that makes it. One home for both, because the API, the
//! command line and the dashboard say the same.

use strongroom_domain::{
    admin::{SingleChange, Which},
    names::{ObjectKind, VaultName},
    policy::AttachmentState,
    principal::PrincipalId,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What becomes of whom.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) change: &'a SingleChange,
    pub(crate) vault: &'a VaultName,
    pub(crate) principal: &'a PrincipalId,
}

impl Told<'_> {
    /// One sentence without its full stop.
    pub(crate) fn words(&self) -> String {
        match self.change {
            SingleChange::Assign { name, scope, .. } => format!("assign {name} at {scope}"),
            SingleChange::Permit { permission, .. } => {
                let (kind, word) = permission.words();
                format!("add {word} on {kind} to the access policy")
            }
            SingleChange::Enable { name, client_id, .. } => {
                format!("enable the workload identity {name} ({client_id})")
            }
            SingleChange::Mode(mode) => format!("give the vault the access mode {}", mode.as_str()),
            SingleChange::Authorize(attachment) => format!("let the allow of {} grant", attachment.name),
            SingleChange::LetIn(network) => format!("a network rule in front that allows {network}"),
            SingleChange::LetInBy(listener) => format!("a network rule in front that allows the listener {listener}"),
            SingleChange::SetState { attachment, which, state } => {
                format!("set {} to {}", attached(&attachment.name, *which), state_word(*state))
            }
            SingleChange::RollBack { attachment, which, to } => {
                let module: String = to.module.to_string().chars().take(12).collect();
                format!(
                    "roll {} back to the module {module} with its settings, in the state {}",
                    attached(attachment, *which),
                    state_word(to.state)
                )
            }
            SingleChange::Settings { attachment, which, how: None, .. } => {
                format!("give {} the settings that it had before", attached(attachment, *which))
            }
            SingleChange::Settings { attachment, which, how: Some(how), .. } => {
                format!("in the settings of {}, {how}", attached(attachment, *which))
            }
            SingleChange::Update { name, patch, .. } => {
                let said = [
                    patch.enabled.map(|_| "enable it".to_owned()),
                    patch.not_before.map(|at| format!("let it begin {}", moment(at))),
                    patch.expires.map(|at| format!("let it end {}", moment(at))),
                ];
                let said: Vec<_> = said.into_iter().flatten().collect();
                format!("{name}: {}", said.join(", "))
            }
        }
    }

    /// Whether the command is one of the vault's own host, `--vault-url`.
    pub(crate) fn is_at_vault(&self) -> bool {
        matches!(self.change, SingleChange::Update { .. })
    }

    /// The command behind `strongroom`, without where the server is.
    pub(crate) fn command(&self) -> String {
        let Self { vault, principal, .. } = self;
        let whom = || quoted(&principal.to_string());
        match self.change {
            SingleChange::Assign { name, scope, .. } => {
                let scope = scope.to_string();
                format!("assignment add --role {} --principal {} --scope {}", quoted(name), whom(), quoted(&scope))
            }
            SingleChange::Permit { permissions, .. } => {
                let words = |all: Vec<&str>, option: &str| {
                    if all.is_empty() { String::new() } else { format!(" {option} {}", all.join(",")) }
                };
                let secrets =
                    words(permissions.secrets.iter().map(|one| one.as_str()).collect(), "--secret-permissions");
                let keys = words(permissions.keys.iter().map(|one| one.as_str()).collect(), "--key-permissions");
                let certificates = permissions.certificates.iter().map(|one| one.as_str()).collect();
                let certificates = words(certificates, "--certificate-permissions");
                format!("access-policy set {vault} --principal {}{secrets}{keys}{certificates}", whom())
            }
            SingleChange::Enable { client_id, .. } => format!("identity update {client_id} --enabled true"),
            SingleChange::Mode(mode) => format!("vault update {vault} --access-mode {}", mode.as_str()),
            SingleChange::Authorize(attachment) => format!(
                "policy attach {} --vault {vault} --module {} --authority --settings {}",
                quoted(&attachment.name),
                attachment.module,
                quoted(&attachment.settings)
            ),
            SingleChange::LetIn(network) => format!("network add {vault} allow {network} --at 1"),
            SingleChange::LetInBy(listener) => {
                format!("network add {vault} allow --listener {} --at 1", quoted(listener))
            }
            SingleChange::SetState { attachment, which, state } => {
                let name = quoted(&attachment.name);
                match state {
                    AttachmentState::Shadow => format!("policy shadow {name} {}", at(vault, *which)),
                    AttachmentState::Enforce => format!("policy enforce {name} {}", at(vault, *which)),
                    AttachmentState::Off => format!(
                        "policy attach {name} {} --module {}{} --state off",
                        at(vault, *which),
                        attachment.module,
                        authority(attachment.authority)
                    ),
                }
            }
            SingleChange::RollBack { attachment, which, .. } => {
                format!("policy rollback {} {}", quoted(attachment), at(vault, *which))
            }
            SingleChange::Settings { attachment, which, module, settings, authority: grants, .. } => format!(
                "policy attach {} {} --module {module}{} --settings {}",
                quoted(attachment),
                at(vault, *which),
                authority(*grants),
                quoted(settings)
            ),
            SingleChange::Update { kind, name, version, patch, .. } => {
                let kind = match kind {
                    ObjectKind::Key => "key",
                    ObjectKind::Certificate => "certificate",
                    _ => "secret",
                };
                let mut command = format!("{kind} update {name}");
                if let Some(version) = version {
                    command.push_str(&format!(" --version {}", version.as_str()));
                }
                if let Some(enabled) = patch.enabled {
                    command.push_str(&format!(" --enabled {enabled}"));
                }
                if let Some(at) = patch.not_before {
                    command.push_str(&format!(" --not-before {}", moment(at)));
                }
                if let Some(at) = patch.expires {
                    command.push_str(&format!(" --expires {}", moment(at)));
                }
                command
            }
        }
    }
}

fn attached(name: &str, which: Which) -> String {
    match which {
        Which::Vault => name.to_owned(),
        Which::Everywhere => format!("{name} of all vaults"),
    }
}

fn at(vault: &VaultName, which: Which) -> String {
    match which {
        Which::Vault => format!("--vault {vault}"),
        Which::Everywhere => "--all-vaults".to_owned(),
    }
}

fn authority(grants: bool) -> &'static str {
    if grants { " --authority" } else { "" }
}

fn state_word(state: AttachmentState) -> &'static str {
    match state {
        AttachmentState::Off => "off",
        AttachmentState::Shadow => "shadow",
        AttachmentState::Enforce => "enforce",
    }
}

fn moment(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}

/// A text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use strongroom_domain::{
        access_policy::{
            AccessMode, CertificatePermission, KeyPermission, ObjectPermission, ObjectPermissions, SecretPermission,
        },
        admin::ScopeRequest,
        names::{ObjectName, ObjectVersion},
        policy::{AttachedBefore, ModuleDigest, PolicyAttachment},
        role::Role,
        secret::{AttributePatch, SecretAttributes},
    };

    use super::*;

    #[test]
    fn no_text_leaves_its_word() {
        assert_eq!(quoted("db-password"), "db-password");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(x)"), "'it'\\''s $(x)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn each_change_is_told_in_words_and_as_the_command_that_makes_it() {
        let (vault, name) = (VaultName::parse("payments").unwrap(), ObjectName::parse("db").unwrap());
        let principal = PrincipalId { issuer: "https://login.example".to_owned(), subject: "8b1a".to_owned() };
        let attachment = PolicyAttachment {
            name: "guard".to_owned(),
            module: ModuleDigest([7; 32]),
            settings: "{}".to_owned(),
            state: AttachmentState::Enforce,
            authority: true,
            previous: None,
        };
        let before = AttachedBefore {
            module: ModuleDigest([6; 32]),
            settings: "{}".to_owned(),
            state: AttachmentState::Enforce,
            authority: false,
        };
        let state = |which, state| SingleChange::SetState { attachment: attachment.clone(), which, state };
        let settings = |which, settings: &str, how: Option<&str>| SingleChange::Settings {
            attachment: "guard".to_owned(),
            which,
            module: ModuleDigest([7; 32]),
            settings: settings.to_owned(),
            authority: false,
            how: how.map(str::to_owned),
        };
        let secret = SecretPermission::Get;
        let permissions = ObjectPermissions {
            secrets: [secret].into(),
            keys: [KeyPermission::WrapKey].into(),
            certificates: [CertificatePermission::GetIssuers].into(),
        };
        let after = SecretAttributes {
            enabled: true,
            not_before: None,
            expires: None,
            content_type: None,
            tags: std::collections::BTreeMap::new(),
        };
        let changes = [
            SingleChange::Assign {
                role: Role::SecretsUser.into(),
                name: Role::SecretsUser.name().to_owned(),
                scope: ScopeRequest::Secret(vault.clone(), name.clone()),
            },
            SingleChange::Permit { permissions, permission: ObjectPermission::Secret(secret) },
            SingleChange::LetIn("192.0.2.7/32".parse().unwrap()),
            SingleChange::LetInBy("private".to_owned()),
            state(Which::Vault, AttachmentState::Shadow),
            state(Which::Vault, AttachmentState::Off),
            state(Which::Vault, AttachmentState::Enforce),
            state(Which::Everywhere, AttachmentState::Shadow),
            SingleChange::RollBack { attachment: "guard".to_owned(), which: Which::Vault, to: before },
            settings(Which::Everywhere, r#"{"it's":1}"#, None),
            settings(Which::Vault, r#"{"names":["db"]}"#, Some(r#"add "db" to names"#)),
            SingleChange::Update {
                kind: ObjectKind::Key,
                name,
                version: Some(ObjectVersion::parse(&"0".repeat(32)).unwrap()),
                patch: AttributePatch {
                    enabled: Some(true),
                    not_before: Some(0),
                    expires: Some(86_400),
                    ..AttributePatch::default()
                },
                after,
            },
            SingleChange::Enable {
                client_id: uuid::Uuid::nil(),
                name: "app".to_owned(),
                after: std::sync::Arc::new(strongroom_domain::identity::Workload::new(uuid::Uuid::nil(), "app")),
            },
            SingleChange::Mode(AccessMode::Layered),
            SingleChange::Authorize(PolicyAttachment { authority: false, ..attachment.clone() }),
        ];
        let told = changes.iter().map(|change| {
            let told = Told { change, vault: &vault, principal: &principal };
            format!("{}: {}\n  strongroom {}\n", change.sort(), told.words(), told.command())
        });
        insta::assert_snapshot!(told.collect::<String>());
    }
}
