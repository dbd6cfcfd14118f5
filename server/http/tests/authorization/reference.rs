//! The whole authorization of the data plane on a page, written down once more from the documents and
//! without a line of the product's.

use strongroom_domain::{
    access_policy::{AccessMode, SecretPermission},
    policy::Effect,
    role::Role,
    test_support::Verdict,
};

use crate::{
    paths::Operation::{
        self, Backup, Delete, Get, GetDeleted, List, ListDeleted, Purge, Recover, Restore, Set, Update, Versions,
    },
    scene::{CLIENTS, For, Module, Request, Scene, Where, Who},
};

pub(crate) fn allows(scene: &Scene, request: &Request) -> bool {
    let there = request.vault < 2;
    if there {
        let rules = scene.networks[request.vault];
        let inside = (0..3).any(|net| rules[net] && CLIENTS[request.client].1[net]);
        if rules.contains(&true) && !inside {
            return false;
        }
    }
    if matches!(request.who, Who::Workload) && !scene.workload_enabled {
        return false;
    }
    let by_role = scene.given.iter().any(|given| {
        let here = match given.at {
            Where::Server => true,
            Where::Vault(vault) => vault == request.vault,
            Where::Secret(vault, secret) => {
                request.operation.named() && (vault, secret) == (request.vault, request.secret)
            }
        };
        let lasts = given.ends.is_none_or(|end| request.moment < end);
        !given.forged && here && lasts && meant(given.to, request.who) && role_may(given.role, request.operation)
    });
    let by_policy = scene.permitted.iter().any(|permitted| {
        !permitted.forged
            && permitted.vault == request.vault
            && meant(permitted.to, request.who)
            && permitted.secrets.contains(&needed(request.operation))
    });
    if !there {
        // Whoever may do it everywhere learns that there is no such vault; nobody else does.
        return by_role;
    }
    let modules: Vec<&Module> = scene.modules[request.vault].iter().filter(|module| module.enforced).collect();
    let opposed = modules.iter().any(|m| !matches!(m.verdict, Verdict::Says(Effect::Allow | Effect::Abstain)));
    let by_module = modules.iter().any(|m| m.authority && m.verdict == Verdict::Says(Effect::Allow));
    let granted = match scene.modes[request.vault] {
        AccessMode::Rbac => by_role,
        AccessMode::AccessPolicy => by_policy,
        AccessMode::Layered => by_role && by_policy,
        AccessMode::Modules => by_module,
    };
    granted && !opposed
}

fn meant(to: For, who: Who) -> bool {
    match (to, who) {
        (For::One(i, s), Who::Person { issuer, subject, .. }) => (i, s) == (issuer, subject),
        (For::Group(i, g), Who::Person { issuer, groups, .. }) => i == issuer && groups[g],
        (For::Workload, Who::Workload) => true,
        _ => false,
    }
}

/// Azure's table of built-in roles, as far as it is about secrets.
fn role_may(role: Role, operation: Operation) -> bool {
    let metadata = matches!(operation, List | ListDeleted | Versions | GetDeleted);
    match role {
        Role::Administrator | Role::SecretsOfficer | Role::Owner => true,
        Role::SecretsUser | Role::CertificateUser => metadata || operation == Get,
        Role::Reader => metadata,
        _ => false,
    }
}

/// Azure's table of operations and access policy permissions.
fn needed(operation: Operation) -> SecretPermission {
    match operation {
        List | ListDeleted | Versions => SecretPermission::List,
        Get | GetDeleted => SecretPermission::Get,
        Set | Update => SecretPermission::Set,
        Delete => SecretPermission::Delete,
        Recover => SecretPermission::Recover,
        Purge => SecretPermission::Purge,
        Backup => SecretPermission::Backup,
        Restore => SecretPermission::Restore,
    }
}
