//! The first way in: who owns an installation that nobody owns yet, as the configuration says.
//!
//! Once there are Owners, the configuration appoints nobody any more: only they say who else is one.

use anyhow::Context as _;
use strongroom_domain::{
    admin::{AdminError, Administration, ScopeRequest},
    principal::{Grantee, PrincipalId},
    role::Role,
    time::Clock,
};

use crate::{
    config::{Administrator, Config},
    serve::system_request,
};

/// Where people read what to do.
pub(crate) const FIRST_HOUR: &str = "server/docs/operations.md, \"The first hour\"";

/// `[[administrators]]`, or why nobody could come as one of them.
pub(crate) struct Administrators(Result<Vec<Grantee>, String>);

impl Administrators {
    /// # Errors
    /// When an entry says neither a subject nor a group, or both.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        let all = config.administrators.iter().map(grantee).collect::<anyhow::Result<Vec<_>>>()?;
        if all.is_empty() {
            return Ok(Self(Err("the configuration names no [[administrators]]".to_owned())));
        }
        let providers = config.providers.iter().map(|provider| &provider.issuer);
        let known: Vec<&String> = providers.chain(config.issuers.iter().map(|issuer| &issuer.issuer)).collect();
        let unknown = all.iter().map(issuer).find(|issuer| !known.contains(issuer));
        let mut groups = all.iter().filter_map(|one| match one {
            Grantee::Group { issuer, .. } => Some(issuer),
            Grantee::Principal { .. } => None,
        });
        let says_groups = |wanted: &String| {
            config.providers.iter().any(|one| one.issuer == *wanted && one.says_groups())
                || config.issuers.iter().any(|one| one.issuer == *wanted && one.says_groups())
        };
        let without_groups = groups.find(|issuer| !says_groups(issuer));
        Ok(Self(match (unknown, without_groups) {
            (Some(issuer), _) => Err(format!(
                "the issuer {issuer} of an administrator is none of the [[providers]] and [[issuers]], letter for letter"
            )),
            (None, Some(issuer)) => Err(format!(
                "an administrator is a group of {issuer}, and no `groups_claim` or `claims_as_groups` of its [[providers]] or [[issuers]] \
                 says where tokens name groups"
            )),
            (None, None) => Ok(all),
        }))
    }

    /// Why a new installation could be managed by nobody, if so.
    pub(crate) fn lacking(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// Appoints them at whatever start finds no Owner of the installation: nobody could do it otherwise, and
    /// the configuration belongs to who runs the server. Gives how many were appointed.
    pub(crate) async fn appoint(&self, admin: &Administration, clock: &dyn Clock) -> anyhow::Result<usize> {
        let owners = admin.owners(clock.now_millis()).await.context("the Owners of the installation cannot be read")?;
        let administrators = match &self.0 {
            Ok(administrators) => administrators,
            Err(why) => {
                anyhow::ensure!(!owners.is_empty(), "nobody could manage this installation: {why} ({FIRST_HOUR})");
                return Ok(0);
            }
        };
        if !owners.is_empty() {
            let ignored = administrators.iter().filter(|one| !owners.contains(one)).count();
            if ignored > 0 {
                tracing::warn!(
                    ignored,
                    "[[administrators]] that are no Owners stay none: the installation has Owners, and only they \
                     appoint others (strongroom assignment add --role Owner --scope /)"
                );
            }
            return Ok(0);
        }
        for grantee in administrators {
            let ctx = system_request(clock, "first-start")?;
            match admin.add_assignment(&ctx, (grantee.clone(), Role::Owner), &ScopeRequest::Server).await {
                // Named twice, or by another node that starts at the same time.
                Ok(_) | Err(AdminError::AssignmentExists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(administrators.len())
    }
}

fn issuer(of: &Grantee) -> &String {
    match of {
        Grantee::Principal { id } => &id.issuer,
        Grantee::Group { issuer, .. } => issuer,
    }
}

fn grantee(administrator: &Administrator) -> anyhow::Result<Grantee> {
    let Administrator { issuer, subject, group } = administrator;
    let issuer = issuer.clone();
    match (subject.clone(), group.clone()) {
        (Some(subject), None) => Ok(Grantee::Principal { id: PrincipalId { issuer, subject } }),
        (None, Some(group)) => Ok(Grantee::Group { issuer, group }),
        _ => anyhow::bail!("an administrator has an issuer and either a subject or a group"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strongroom_crypto::SystemEntropy;
    use strongroom_identity::TrustedRoots;

    use super::*;
    use crate::{
        clock::SystemClock,
        installation::{self, Opening},
        seal::Seal,
        wiring::{self, Outside},
    };

    const HEAD: &str = "base = 'https://vault.example.com'\ndata = '/d'\ntls = { certificate = 'c', key = 'k' }\n\
        [[providers]]\nname = 'corp'\nlabel = 'Corp'\nissuer = 'https://login.example.com'\nclient_id = 'x'\n";
    const GROUPS: &str = "groups_claim = 'groups'\n";

    fn configured(administrators: &[&str]) -> anyhow::Result<Administrators> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strongroom.toml");
        let entries = administrators.iter().map(|one| format!("[[administrators]]\n{one}\n"));
        std::fs::write(&path, format!("{HEAD}{GROUPS}{}", entries.collect::<String>())).unwrap();
        Administrators::of(&crate::config::read(&path).unwrap())
    }

    const OPS: &str = "issuer = 'https://login.example.com'\ngroup = 'ops'";
    const ADA: &str = "issuer = 'https://login.example.com'\nsubject = 'ada'";

    #[test]
    fn an_administrator_whom_nobody_could_come_as_is_told() {
        assert_eq!(configured(&[OPS, ADA]).unwrap().lacking(), None);
        assert!(configured(&[]).unwrap().lacking().unwrap().contains("no [[administrators]]"));
        let slash = configured(&["issuer = 'https://login.example.com/'\ngroup = 'ops'"]).unwrap();
        assert!(slash.lacking().unwrap().contains("https://login.example.com/ of an administrator"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("without-groups.toml");
        std::fs::write(&path, format!("{HEAD}[[administrators]]\n{OPS}\n")).unwrap();
        let without = Administrators::of(&crate::config::read(&path).unwrap()).unwrap();
        let why = without.lacking().unwrap();
        assert!(why.contains("`groups_claim`") && why.contains("https://login.example.com"), "{why}");
        assert!(configured(&["issuer = 'https://login.example.com'"]).is_err(), "neither");
        assert!(configured(&[&format!("{OPS}\nsubject = 'ada'")]).is_err(), "both");
    }

    #[tokio::test]
    async fn administrators_are_appointed_at_whatever_start_finds_no_owner() {
        let data = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let source = Seal::default().source(data.path(), None).unwrap();
        let (database, node) = (None, "node-1");
        let opening =
            Opening { data: data.path(), database, source: &source, node, development: Some(false), alone: false };
        assert!(!installation::exists(&opening).await.unwrap());
        let made = installation::open(&opening, clock.now_millis(), &SystemEntropy).await.unwrap();
        made.store.close().await.unwrap();
        drop(made);
        assert!(installation::exists(&opening).await.unwrap());
        let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await.unwrap();
        assert!(!opened.fresh, "without an Owner so far");
        let outside = Outside {
            base: "https://vault.example.com".to_owned(),
            trusted_roots: TrustedRoots::System,
            issuers: Vec::new(),
            providers: Vec::new(),
            step_up: Vec::new(),
            key_token: None,
            acme: None,
            token_key_age: crate::config::Tokens::default().key_age().unwrap(),
            scrub_every: crate::config::scrub_pause(None).unwrap(),
            policy_isolation: crate::policy_process::PolicyIsolation::None,
            policy_signers: Vec::new(),
        };
        let node = wiring::wire(opened, outside, data.path(), Arc::clone(&clock)).unwrap();
        let admin = &node.services.admin;
        assert!(node.waits_for_setup(&*clock).await.unwrap(), "nobody owns it");
        assert!(node.waits_for_setup(&*clock).await.unwrap(), "a later start finds the same door");
        let start = async |with: &[&str]| configured(with).unwrap().appoint(admin, &*clock).await.unwrap();
        let owners = async || admin.owners(clock.now_millis()).await.unwrap();
        let nobody = configured(&[]).unwrap().appoint(admin, &*clock).await.unwrap_err().to_string();
        assert!(nobody.contains("nobody could manage") && nobody.contains("no [[administrators]]"), "{nobody}");
        assert_eq!((start(&[OPS, OPS]).await, owners().await.len()), (2, 1), "a later start, and one named twice");
        assert_eq!((start(&[OPS, ADA]).await, owners().await.len()), (0, 1), "there is an Owner");
        assert_eq!(start(&[]).await, 0);
        assert!(!node.waits_for_setup(&*clock).await.unwrap(), "somebody owns it");
        assert!(matches!(owners().await.as_slice(), [Grantee::Group { group, .. }] if group == "ops"));
    }
}
