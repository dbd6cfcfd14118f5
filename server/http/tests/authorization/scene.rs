//! Two vaults with rules, modules and access modes, people and a workload with grants, and requests.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use serde_json::json;
use strongroom_domain::{
    access_policy::{AccessMode, AccessPolicy, ObjectPermissions, SecretPermission},
    context::RequestContext,
    grant::Scope,
    names::{ObjectKind, ObjectName, VaultName},
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyFailure},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    role::Role,
    test_support::{
        Verdict,
        world::{BEGIN, PEOPLE, World, principal},
    },
    time::Clock as _,
    vault::VaultSettings,
};

use crate::{draw::Draw, paths::Operation};

pub(crate) const VAULTS: [&str; 3] = ["alpha", "beta", "missing"];
pub(crate) const SECRETS: [&str; 3] = ["db", "api-key", "zz-9"];
const ISSUERS: [&str; 2] = [PEOPLE, "https://other.example"];
const SUBJECTS: [&str; 2] = ["ada", "bob"];
const GROUPS: [&str; 2] = ["ops", "dev"];
const NETWORKS: [&str; 3] = ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"];
/// Addresses, and which of the networks each lies in.
pub(crate) const CLIENTS: [(&str, [bool; 3]); 4] = [
    ("10.1.2.3", [true, false, false]),
    ("::ffff:192.0.2.9", [false, true, false]),
    ("2001:db8::9", [false, false, true]),
    ("198.51.100.1", [false, false, false]),
];
/// Moments of a scene; grants end between them, and at them.
const MOMENTS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum For {
    One(usize, usize),
    Group(usize, usize),
    Workload,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Where {
    Server,
    Vault(usize),
    Secret(usize, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Person { issuer: usize, subject: usize, groups: [bool; 2] },
    Workload,
}

/// A role given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) to: For,
    pub(crate) role: Role,
    pub(crate) at: Where,
    /// The first moment at which it counts no more.
    pub(crate) ends: Option<usize>,
    /// Its row was edited afterwards.
    pub(crate) forged: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Permitted {
    pub(crate) to: For,
    pub(crate) vault: usize,
    pub(crate) secrets: BTreeSet<SecretPermission>,
    pub(crate) forged: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Module {
    pub(crate) verdict: Verdict,
    pub(crate) enforced: bool,
    pub(crate) authority: bool,
}

pub(crate) struct Scene {
    pub(crate) world: World,
    workload: Arc<Principal>,
    people: Vec<Arc<Principal>>,
    pub(crate) workload_enabled: bool,
    pub(crate) networks: [[bool; 3]; 2],
    pub(crate) modes: [AccessMode; 2],
    pub(crate) modules: [Vec<Module>; 2],
    pub(crate) given: Vec<Given>,
    pub(crate) permitted: Vec<Permitted>,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene")
            .field("workload_enabled", &self.workload_enabled)
            .field("networks", &self.networks)
            .field("modes", &self.modes)
            .field("modules", &self.modules)
            .field("given", &self.given)
            .field("permitted", &self.permitted)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) who: Who,
    pub(crate) client: usize,
    pub(crate) moment: usize,
    pub(crate) operation: Operation,
    pub(crate) vault: usize,
    pub(crate) secret: usize,
}

fn at(moment: usize) -> i64 {
    BEGIN + i64::try_from(moment).unwrap()
}

impl Scene {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let networks = [0, 1].map(|_| [0, 1, 2].map(|_| draw.chance(25)));
        let modes = [0, 1].map(|_| draw.of(&AccessMode::ALL));
        let modules = [0, 1].map(|_| (0..draw.below(3)).map(|_| module(draw)).collect::<Vec<_>>());
        let given = (0..draw.below(9)).map(|_| given(draw)).collect();
        let mut permitted: Vec<Permitted> = (0..draw.below(7)).map(|_| permitted_one(draw)).collect();
        // One for each grantee in each vault.
        let mut seen = Vec::new();
        permitted.retain(|p| {
            let first = !seen.contains(&(p.to, p.vault));
            seen.push((p.to, p.vault));
            first
        });
        let world = World::start().unwrap();
        let workload_enabled = draw.chance(80);
        let workload = world.put_workload("app", workload_enabled).unwrap();
        let people = (0..16)
            .map(|n: usize| {
                let groups: Vec<&str> = (0..2).filter(|g| n >> g & 1 == 1).map(|g| GROUPS[g]).collect();
                principal(ISSUERS[n >> 2 & 1], SUBJECTS[n >> 3], PrincipalKind::User, &groups)
            })
            .collect();
        let scene = Self { world, workload, people, workload_enabled, networks, modes, modules, given, permitted };
        scene.furnish(draw);
        scene
    }

    fn furnish(&self, draw: &mut Draw) {
        let mut ids = Vec::new();
        for (n, name) in VAULTS.iter().enumerate().take(2) {
            let allow: Vec<&str> = (0..3).filter(|net| self.networks[n][*net]).map(|net| NETWORKS[net]).collect();
            let attachment = |(m, module): (usize, &Module)| {
                let name = format!("m-{n}-{m}");
                self.world.policies.answer(&name, module.verdict);
                PolicyAttachment {
                    name,
                    module: ModuleDigest([7; 32]),
                    settings: "{}".to_owned(),
                    state: if module.enforced { AttachmentState::Enforce } else { AttachmentState::Off },
                    authority: module.authority,
                    previous: None,
                }
            };
            let settings = VaultSettings {
                network: serde_json::from_value(json!({ "allow": allow })).unwrap(),
                policies: self.modules[n].iter().enumerate().map(attachment).collect(),
                access_mode: self.modes[n],
                ..VaultSettings::default()
            };
            ids.push(self.world.put_vault(&VaultName::parse(name).unwrap(), settings).unwrap().id);
        }
        let keyring = &self.world.keyring;
        for given in &self.given {
            let scope = match given.at {
                Where::Server => Scope::Server,
                Where::Vault(vault) => Scope::Vault { vault: ids[vault] },
                Where::Secret(vault, secret) => Scope::Object {
                    vault: ids[vault],
                    kind: ObjectKind::Secret,
                    name: ObjectName::parse(&draw.spelt(SECRETS[secret])).unwrap(),
                },
            };
            let mut row = self.world.put_grant(self.grantee(given.to), given.role, scope).unwrap();
            row.ends_at = given.ends.map(at);
            row.tag = keyring.tag_assignment(&row).unwrap();
            if given.forged {
                row.created_at += 1;
            }
            self.world.store.meddle(|image| {
                *image.assignments.iter_mut().find(|a| a.id == row.id).unwrap() = row.clone();
            });
        }
        for permitted in &self.permitted {
            let (vault, grantee) = (ids[permitted.vault], self.grantee(permitted.to));
            let permissions = ObjectPermissions { secrets: permitted.secrets.clone(), ..ObjectPermissions::default() };
            let mut row = AccessPolicy { vault, grantee, permissions, revision: 1, tag: Vec::new() };
            row.tag = keyring.tag_access_policy(&row).unwrap();
            if permitted.forged {
                row.revision += 1;
            }
            let slot = (vault, row.grantee.key());
            self.world.store.meddle(|image| image.access_policies.insert(slot, row));
        }
    }

    fn grantee(&self, to: For) -> Grantee {
        match to {
            For::One(issuer, subject) => Grantee::Principal {
                id: PrincipalId { issuer: ISSUERS[issuer].to_owned(), subject: SUBJECTS[subject].to_owned() },
            },
            For::Group(issuer, group) => {
                Grantee::Group { issuer: ISSUERS[issuer].to_owned(), group: GROUPS[group].to_owned() }
            }
            For::Workload => Grantee::Principal { id: self.workload.id.clone() },
        }
    }

    pub(crate) fn request(&self, draw: &mut Draw) -> Request {
        let who = if draw.chance(25) {
            Who::Workload
        } else {
            Who::Person { issuer: draw.below(2), subject: draw.below(2), groups: [draw.chance(50), draw.chance(50)] }
        };
        Request {
            who,
            client: draw.below(CLIENTS.len()),
            moment: draw.below(MOMENTS),
            operation: draw.of(&Operation::ALL),
            vault: if draw.chance(5) { 2 } else { draw.below(2) },
            secret: draw.below(SECRETS.len()),
        }
    }

    pub(crate) fn context(&self, request: &Request) -> RequestContext {
        let now = self.world.clock.now_millis();
        self.world.clock.advance(at(request.moment) - now);
        let who = match request.who {
            Who::Workload => &self.workload,
            Who::Person { issuer, subject, groups } => {
                &self.people[usize::from(groups[0]) + 2 * usize::from(groups[1]) + 4 * issuer + 8 * subject]
            }
        };
        let client: IpAddr = CLIENTS[request.client].0.parse().unwrap();
        self.world.request_from(who, client)
    }

    pub(crate) fn vault_name(&self, vault: usize, draw: &mut Draw) -> VaultName {
        VaultName::parse(&draw.spelt(VAULTS[vault])).unwrap()
    }
}

fn anybody(draw: &mut Draw) -> For {
    match draw.below(5) {
        0 | 1 => For::One(draw.below(2), draw.below(2)),
        2 | 3 => For::Group(draw.below(2), draw.below(2)),
        _ => For::Workload,
    }
}

fn given(draw: &mut Draw) -> Given {
    let at = match draw.below(4) {
        0 => Where::Server,
        1 | 2 => Where::Vault(draw.below(2)),
        _ => Where::Secret(draw.below(2), draw.below(3)),
    };
    let ends = draw.chance(30).then(|| draw.below(MOMENTS + 1));
    Given { to: anybody(draw), role: draw.of(Role::ALL), at, ends, forged: draw.chance(10) }
}

fn permitted_one(draw: &mut Draw) -> Permitted {
    let secrets = SecretPermission::ALL.into_iter().filter(|_| draw.chance(50)).collect();
    Permitted { to: anybody(draw), vault: draw.below(2), secrets, forged: draw.chance(10) }
}

fn module(draw: &mut Draw) -> Module {
    let verdict = match draw.below(10) {
        0..=4 => Verdict::Says(Effect::Allow),
        5..=7 => Verdict::Says(Effect::Abstain),
        8 => Verdict::Says(Effect::Deny),
        _ => draw.of(&[
            Verdict::SaysNothing,
            Verdict::Fails(PolicyFailure::Missing),
            Verdict::Fails(PolicyFailure::Trap),
            Verdict::Fails(PolicyFailure::OutOfFuel),
            Verdict::Fails(PolicyFailure::Unavailable),
        ]),
    };
    Module { verdict, enforced: draw.chance(75), authority: draw.chance(60) }
}
