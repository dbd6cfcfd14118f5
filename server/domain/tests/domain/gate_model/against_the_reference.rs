//! Random grants, scopes, network rules, module verdicts and requests: gate and reference agree.

use std::{net::IpAddr, sync::Arc};

use proptest::prelude::*;
use strongroom_domain::{
    action::Action,
    gate::{Ask, Judgement},
    grant::Scope,
    names::{ObjectKind, ObjectName, VaultName},
    network::NetworkRules,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyFailure},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    role::Role,
    test_support::{
        Verdict,
        world::{OWN_ISSUER, PEOPLE, World, principal},
    },
    vault::VaultSettings,
};

const VAULTS: [&str; 3] = ["alpha", "beta", "missing"];
const SECRETS: [&str; 3] = ["db", "api-key", "zz"];
const ISSUERS: [&str; 2] = [PEOPLE, "https://other.example"];
const SUBJECTS: [&str; 2] = ["ada", "bob"];
const GROUPS: [&str; 2] = ["ops", "dev"];
const NETWORKS: [&str; 3] = ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"];
const CLIENTS: [(&str, [bool; 3]); 4] = [
    ("10.1.2.3", [true, false, false]),
    ("::ffff:192.0.2.9", [false, true, false]),
    ("2001:db8::9", [false, false, true]),
    ("198.51.100.1", [false, false, false]),
];

/// For whom: a principal (issuer, subject), a group (issuer, group), or the workload under test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum For {
    One(usize, usize),
    Group(usize, usize),
    Workload,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Server,
    Vault(usize),
    Secret(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Person { issuer: usize, subject: usize, groups: [bool; 2] },
    Workload { there: bool, enabled: bool },
}

#[derive(Clone, Debug)]
struct Scene {
    who: Who,
    client: usize,
    networks: [[bool; 3]; 2],
    modules: [Vec<(Verdict, bool)>; 2],
    grants: Vec<(For, Role, Where)>,
    action: Action,
    vault: usize,
    secret: usize,
    capitals: u64,
}

/// What a role may do with secrets, written down once more.
fn role_may(role: Role, action: Action) -> bool {
    use Action::*;
    match role {
        Role::Administrator | Role::SecretsOfficer | Role::Owner => true,
        // A certificate's value is in its secret.
        Role::SecretsUser | Role::CertificateUser => !matches!(
            action,
            SecretSet | SecretUpdate | SecretBackup | SecretRestore | SecretDelete | SecretRecover | SecretPurge
        ),
        Role::Reader => !matches!(
            action,
            SecretSet
                | SecretUpdate
                | SecretBackup
                | SecretRestore
                | SecretGet
                | SecretDelete
                | SecretRecover
                | SecretPurge
        ),
        _ => false,
    }
}

/// The whole gate, as a person would explain it.
fn reference(scene: &Scene) -> bool {
    let there = scene.vault < 2;
    let named = !matches!(scene.action, Action::SecretList | Action::SecretListDeleted);
    if there {
        let rules = scene.networks[scene.vault];
        let listed = (0..3).any(|net| rules[net] && CLIENTS[scene.client].1[net]);
        if rules.contains(&true) && !listed {
            return false;
        }
    }
    if matches!(scene.who, Who::Workload { there, enabled } if !there || !enabled) {
        return false;
    }
    let granted = scene.grants.iter().any(|(grantee, role, scope)| {
        let meant = match (grantee, scene.who) {
            (For::One(i, s), Who::Person { issuer, subject, .. }) => (*i, *s) == (issuer, subject),
            (For::Group(i, g), Who::Person { issuer, groups, .. }) => *i == issuer && groups[*g],
            (For::Workload, Who::Workload { .. }) => true,
            _ => false,
        };
        let here = match *scope {
            Where::Server => true,
            Where::Vault(vault) => vault == scene.vault,
            Where::Secret(vault, secret) => named && (vault, secret) == (scene.vault, scene.secret),
        };
        meant && here && role_may(*role, scene.action)
    });
    let opposed = |(verdict, enforced): &(Verdict, bool)| {
        *enforced && !matches!(verdict, Verdict::Says(Effect::Allow | Effect::Abstain))
    };
    granted && !(there && scene.modules[scene.vault].iter().any(opposed))
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        6 => Just(Verdict::Says(Effect::Allow)),
        2 => Just(Verdict::Says(Effect::Abstain)),
        1 => Just(Verdict::Says(Effect::Deny)),
        1 => Just(Verdict::SaysNothing),
        1 => prop::sample::select(vec![
            PolicyFailure::Missing,
            PolicyFailure::Trap,
            PolicyFailure::OutOfFuel,
            PolicyFailure::TimedOut,
            PolicyFailure::MemoryLimit,
            PolicyFailure::BadAnswer,
            PolicyFailure::BadSettings,
            PolicyFailure::Unavailable,
            PolicyFailure::FactUnavailable,
        ]).prop_map(Verdict::Fails),
    ]
}

fn scenes() -> impl Strategy<Value = Scene> {
    let who = prop_oneof![
        4 => (0usize..2, 0usize..2, any::<[bool; 2]>())
            .prop_map(|(issuer, subject, groups)| Who::Person { issuer, subject, groups }),
        2 => (prop::bool::weighted(0.8), prop::bool::weighted(0.8))
            .prop_map(|(there, enabled)| Who::Workload { there, enabled }),
    ];
    let grantee = prop_oneof![
        (0usize..2, 0usize..2).prop_map(|(i, s)| For::One(i, s)),
        (0usize..2, 0usize..2).prop_map(|(i, g)| For::Group(i, g)),
        Just(For::Workload),
    ];
    let scope = prop_oneof![
        Just(Where::Server),
        (0usize..2).prop_map(Where::Vault),
        (0usize..2, 0usize..3).prop_map(|(v, s)| Where::Secret(v, s)),
    ];
    let networks = prop_oneof![2 => Just([false; 3]), 1 => any::<[bool; 3]>()];
    let modules = || prop::collection::vec((verdict(), prop::bool::weighted(0.8)), 0..3);
    let secret_actions: Vec<Action> =
        Action::ALL.iter().copied().filter(|a| a.data_action().contains("/secrets/")).collect();
    (
        (who, 0usize..4, [networks.clone(), networks], [modules(), modules()]),
        prop::collection::vec((grantee, prop::sample::select(Role::ALL), scope), 0..8),
        (prop::sample::select(secret_actions), 0usize..3, 0usize..3, any::<u64>()),
    )
        .prop_map(|((who, client, networks, modules), grants, (action, vault, secret, capitals))| Scene {
            who,
            client,
            networks,
            modules,
            grants,
            action,
            vault,
            secret,
            capitals,
        })
}

/// The same name in another spelling.
fn spelt(text: &str, capitals: u64) -> String {
    text.chars().enumerate().map(|(i, c)| if capitals >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect()
}

fn build(scene: &Scene) -> (World, Arc<Principal>) {
    let world = World::start().unwrap();
    let mut ids = Vec::new();
    for (vault, name) in VAULTS.iter().take(2).enumerate() {
        let allow = (0..3).filter(|net| scene.networks[vault][*net]).map(|net| NETWORKS[net].parse().unwrap());
        let mut policies = Vec::new();
        for (number, (verdict, enforced)) in scene.modules[vault].iter().enumerate() {
            let name = format!("{name}-{number}");
            world.policies.answer(&name, *verdict);
            let state = if *enforced { AttachmentState::Enforce } else { AttachmentState::Off };
            policies.push(PolicyAttachment {
                name,
                module: ModuleDigest([7; 32]),
                settings: "{}".into(),
                state,
                authority: false,
                previous: None,
            });
        }
        let settings =
            VaultSettings { network: NetworkRules::only(allow.collect()), policies, ..VaultSettings::default() };
        ids.push(world.put_vault(&VaultName::parse(name).unwrap(), settings).unwrap().id);
    }
    let workload = world.put_workload("app", !matches!(scene.who, Who::Workload { enabled: false, .. })).unwrap();
    if matches!(scene.who, Who::Workload { there: false, .. }) {
        world.store.meddle(|image| image.workloads.clear());
    }
    for (number, (grantee, role, scope)) in scene.grants.iter().enumerate() {
        let grantee = match *grantee {
            For::One(i, s) => {
                Grantee::Principal { id: PrincipalId { issuer: ISSUERS[i].into(), subject: SUBJECTS[s].into() } }
            }
            For::Group(i, g) => Grantee::Group { issuer: ISSUERS[i].into(), group: GROUPS[g].into() },
            For::Workload => Grantee::Principal { id: workload.id.clone() },
        };
        let scope = match *scope {
            Where::Server => Scope::Server,
            Where::Vault(vault) => Scope::Vault { vault: ids[vault] },
            Where::Secret(vault, secret) => Scope::Object {
                vault: ids[vault],
                kind: ObjectKind::Secret,
                name: ObjectName::parse(&spelt(SECRETS[secret], scene.capitals.rotate_left(number as u32 * 7)))
                    .unwrap(),
            },
        };
        world.put_grant(grantee, *role, scope).unwrap();
    }
    let who = match scene.who {
        Who::Workload { .. } => workload,
        Who::Person { issuer, subject, groups } => {
            let groups: Vec<&str> = (0..2).filter(|g| groups[*g]).map(|g| GROUPS[g]).collect();
            principal(ISSUERS[issuer], SUBJECTS[subject], PrincipalKind::User, &groups)
        }
    };
    (world, who)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_says_what_the_reference_says(scene in scenes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (allowed, bound) = runtime.block_on(async {
            let (world, who) = build(&scene);
            let client: IpAddr = CLIENTS[scene.client].0.parse().unwrap();
            let ctx = world.request_from(&who, client);
            let vault = VaultName::parse(&spelt(VAULTS[scene.vault], scene.capitals)).unwrap();
            let name = ObjectName::parse(&spelt(SECRETS[scene.secret], scene.capitals.reverse_bits())).unwrap();
            let ask = match scene.action {
                Action::SecretList | Action::SecretListDeleted => Ask::secrets(scene.action, &vault),
                _ => Ask::secret(scene.action, &vault, &name),
            };
            match world.gate.judge(&ctx, &ask).await {
                Judgement::Permitted(case) => {
                    let object = case.permit.object();
                    let bound = case.permit.action() == scene.action
                        && case.permit.request_id() == ctx.request_id
                        && object.kind == ObjectKind::Secret
                        && object.name.as_ref() == ask.name
                        && object.vault.as_ref().map(|(_, v)| v.as_str()) == (scene.vault < 2).then_some(VAULTS[scene.vault])
                        && case.permit.revision().is_none();
                    (true, bound)
                }
                Judgement::Denied(..) => (false, true),
            }
        });
        prop_assert_eq!(allowed, reference(&scene));
        prop_assert!(bound, "the permit is for what was judged");
    }
}

/// Who says that a foreign person is one of ours is not believed: only our own rows count.
#[tokio::test]
async fn a_principal_of_the_own_issuer_is_a_workload_that_stands_or_nobody() {
    let world = World::start().unwrap();
    let vault = VaultName::parse("alpha").unwrap();
    world.put_vault(&vault, VaultSettings::default()).unwrap();
    for (subject, kind) in [
        ("ada", PrincipalKind::User),
        ("ada", PrincipalKind::Workload),
        ("00000000-0000-0000-0000-0000000000ff", PrincipalKind::Workload),
    ] {
        let who = principal(OWN_ISSUER, subject, kind, &[]);
        world.put_grant(Grantee::Principal { id: who.id.clone() }, Role::Owner, Scope::Server).unwrap();
        let judged = world.gate.judge(&world.request(&who), &Ask::secrets(Action::SecretList, &vault)).await;
        assert!(matches!(judged, Judgement::Denied(..)), "{subject}");
    }
    // Its row must be that of this very client.
    let who = world.put_workload("app", true).unwrap();
    world.put_grant(Grantee::Principal { id: who.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let other = world.put_workload("other", true).unwrap();
    world.store.meddle(|image| {
        let row = image.workloads[&other.id.subject.parse().unwrap()].clone();
        image.workloads.insert(who.id.subject.parse().unwrap(), row);
    });
    let judged = world.gate.judge(&world.request(&who), &Ask::secrets(Action::SecretList, &vault)).await;
    assert!(matches!(judged, Judgement::Denied(..)));
}

/// A first start has to begin somewhere; beyond that Strongroom itself may nothing.
#[tokio::test]
async fn strongroom_itself_may_set_up_and_nothing_else() {
    let world = World::start().unwrap();
    let vault = VaultName::parse("alpha").unwrap();
    world.put_vault(&vault, VaultSettings::default()).unwrap();
    let pretender = principal(PEOPLE, "first-start", PrincipalKind::System, &[]);
    for action in Action::ALL {
        for (who, itself) in [(Arc::new(Principal::system("first-start")), true), (pretender.clone(), false)] {
            let sets_up = matches!(
                action,
                Action::VaultCreate
                    | Action::AssignmentAdd
                    | Action::WorkloadCreate
                    | Action::WorkloadRead
                    | Action::WorkloadCredential
            );
            for ask in [Ask::server(*action), Ask::vault(*action, &vault), Ask::secrets(*action, &vault)] {
                let judged = world.gate.judge(&world.request(&who), &ask).await;
                assert_eq!(matches!(judged, Judgement::Permitted(_)), itself && sets_up, "{action:?} {itself}");
            }
        }
        // The schedule may purge besides, wherever it is; the use cases hold it to the dates.
        let schedule = Arc::new(Principal::system(strongroom_domain::purge::PRINCIPAL));
        let judged = world.gate.judge(&world.request(&schedule), &Ask::vault(*action, &vault)).await;
        let first_start = Arc::new(Principal::system("first-start"));
        let without = world.gate.judge(&world.request(&first_start), &Ask::vault(*action, &vault)).await;
        let (may, anyway) = (matches!(judged, Judgement::Permitted(_)), matches!(without, Judgement::Permitted(_)));
        assert_eq!(may, anyway || action.purges(), "{action:?} by schedule");
        // What rotates the keys of tokens by age does that, and revokes none.
        let schedule = Arc::new(Principal::system(strongroom_domain::token_keys::PRINCIPAL));
        let judged = world.gate.judge(&world.request(&schedule), &Ask::server(*action)).await;
        let without = world.gate.judge(&world.request(&first_start), &Ask::server(*action)).await;
        let (may, anyway) = (matches!(judged, Judgement::Permitted(_)), matches!(without, Judgement::Permitted(_)));
        let rotates = matches!(action, Action::TokenKeyRotate | Action::TokenKeyRetire);
        assert_eq!(may, anyway || rotates, "{action:?} by age");
        // What ends the sessions of issuers that are no more does that alone.
        let schedule = Arc::new(Principal::system(strongroom_domain::entrance::past_issuers::PRINCIPAL));
        let judged = world.gate.judge(&world.request(&schedule), &Ask::server(*action)).await;
        let may = matches!(judged, Judgement::Permitted(_));
        assert_eq!(may, anyway || *action == Action::SessionRevoke, "{action:?} at a start");
    }
}
