//! What takes two: a denial opens a request, somebody else grants it, and it ends.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_crypto::{
    key::{Curve, KeySpec, SignAlgorithm},
    secret::SecretText,
    x509::Reason,
};
use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::{AdminError, NewSecret, ScopeRequest, WorkloadEdit},
    approval::{ApprovalRequest, ApprovalState, MAX_OF_PRINCIPAL, Verdict as Word},
    contacts::{Contact, Contacts},
    decision::{ApprovalWanted, DenyReason},
    grant::Scope,
    identity::Workload,
    issuer::{AcmeSettings, AuthoritySettings, IssuerPatch, IssuerSettings, Organization},
    issuers::IssuerError,
    keys::{KeyAt, KeyError, KeyRequest},
    names::ObjectVersion,
    objects::ObjectError,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::{Grantee, Principal, PrincipalId},
    record::{Outcome, RowKind},
    revocations::{RevocationError, ToRevoke},
    role::Role,
    rotation::{RotationTerms, Span, Trigger},
    secret::SecretAttributes,
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{BEGIN, enabled, name, person, principal},
    },
    vault::{VaultSettings, VaultUpdate},
};
use uuid::Uuid;

use super::{certificates::by, revocation::authority};
use crate::common::Demo;

const GUARD: ModuleDigest = ModuleDigest([7; 32]);
const SECOND: i64 = 1000;

struct Story {
    demo: Demo,
    app: Arc<Principal>,
    grace: Arc<Principal>,
}

impl Story {
    async fn of(approvers: u32) -> Self {
        let guard = PolicyAttachment {
            name: "two".to_owned(),
            module: GUARD,
            settings: "{}".to_owned(),
            state: AttachmentState::Enforce,
            authority: false,
            previous: None,
        };
        let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
        demo.world.policies.wants(GUARD, &["approvals"]);
        demo.world.policies.answer("two", Verdict::Says(strongroom_domain::policy::Effect::Allow));
        demo.set("db", "one").await.unwrap();
        demo.set("other", "two").await.unwrap();
        demo.world.policies.answer("two", Verdict::NeedsApproval(approvers));
        let (app, grace) = (demo.world.put_workload("app", true).unwrap(), person("grace"));
        let story = Self { demo, app, grace };
        story.give(&story.app.id, Role::Administrator);
        story.give(&story.grace.id, Role::Approver);
        story
    }

    fn give(&self, id: &PrincipalId, role: Role) {
        self.demo.world.put_grant(Grantee::Principal { id: id.clone() }, role, Scope::Server).unwrap();
    }

    /// The app reads; what keeps it out, if something does.
    async fn read(&self, secret: &str) -> Result<(), ApprovalWanted> {
        self.read_as(&self.app, secret, None).await
    }

    async fn read_as(
        &self,
        who: &Arc<Principal>,
        secret: &str,
        version: Option<&ObjectVersion>,
    ) -> Result<(), ApprovalWanted> {
        match self.demo.get_in(&self.demo.world.request(who), secret, version).await {
            Ok(_) => Ok(()),
            Err(SecretError::Denied(denial)) => Err(denial.reason.approval().cloned().unwrap()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn waits(&self, secret: &str) -> Uuid {
        self.read(secret).await.unwrap_err().request.unwrap()
    }

    async fn say(
        &self,
        who: &Arc<Principal>,
        id: Uuid,
        word: Word,
        seconds: Option<u32>,
    ) -> Result<ApprovalRequest, AdminError> {
        let ctx = self.demo.world.request(who);
        self.demo.world.admin.answer_approval(&ctx, &self.demo.vault, id, word, seconds).await
    }

    async fn grant(&self, id: Uuid) -> ApprovalRequest {
        self.say(&self.grace, id, Word::Grant, None).await.unwrap()
    }

    /// What whoever is asked sees of a request.
    async fn told(&self, id: Uuid) -> BTreeMap<String, String> {
        let ctx = self.demo.world.request(&self.grace);
        let listed = self.demo.world.admin.list_approvals(&ctx, &self.demo.vault).await.unwrap();
        listed.requests.iter().find(|request| request.id == id).unwrap().details.clone()
    }

    /// Without the module in the way, as it was before it was attached.
    async fn unguarded(&self, what: impl AsyncFnOnce(&Demo)) {
        self.demo.world.policies.answer("two", Verdict::Says(strongroom_domain::policy::Effect::Allow));
        what(&self.demo).await;
        self.demo.world.policies.answer("two", Verdict::NeedsApproval(1));
    }

    fn take_away(&self, from: &Grantee) {
        self.demo.world.store.meddle(|image| image.assignments.retain(|given| given.grantee != *from));
    }

    fn pass(&self, seconds: i64) {
        self.demo.world.clock.advance(seconds * SECOND);
    }
}

/// Whoever agrees sees what it is, and agrees to that and to nothing else, once.
#[tokio::test]
async fn an_approval_in_management_is_for_what_it_says_and_once() {
    let (story, olga, reader) = (Story::of(1).await, person("olga"), person("reader"));
    story.give(&olga.id, Role::Owner);
    let (admin, scope) = (&story.demo.world.admin, ScopeRequest::Vault(story.demo.vault.clone()));
    let whom = Grantee::Principal { id: reader.id.clone() };
    let give = async |role: Role| {
        let ctx = story.demo.world.request(&olga);
        admin.add_assignment(&ctx, (whom.clone(), role), &scope).await
    };
    let first = opened(give(Role::Reader).await);
    story.grant(first).await;
    let other = opened(give(Role::SecretsOfficer).await);
    assert_ne!(first, other);
    let ctx = story.demo.world.request(&story.grace);
    let listed = admin.list_approvals(&ctx, &story.demo.vault).await.unwrap();
    let told = listed.requests.iter().find(|request| request.id == other).unwrap().details.clone();
    assert_eq!((told["role"].as_str(), told["subject"].as_str()), ("Key Vault Secrets Officer", "reader"));
    give(Role::Reader).await.unwrap();
    let record = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert!(record.changed.iter().any(|row| row.row == RowKind::Approval && row.id == first.to_string()));
    story.take_away(&whom);
    assert_ne!(opened(give(Role::Reader).await), first, "it counted");

    let update = async |update: VaultUpdate| {
        admin.update_vault(&story.demo.world.request(&olga), &story.demo.vault, None, &update).await
    };
    let region = || VaultUpdate { region: Some("home".to_owned()), ..VaultUpdate::default() };
    let asked = opened(update(region()).await);
    story.grant(asked).await;
    let forever = VaultUpdate { purge_protection: Some(true), ..VaultUpdate::default() };
    assert_ne!(opened(update(forever).await), asked);
    update(region()).await.unwrap();
    assert_ne!(opened(update(region()).await), asked);
    // Of tags the values are told as well.
    for value in ["prod", "dev"] {
        let tags = Some(BTreeMap::from([("owner".to_owned(), value.to_owned())]));
        let asked = opened(update(VaultUpdate { tags, ..VaultUpdate::default() }).await);
        let ctx = story.demo.world.request(&story.grace);
        let listed = admin.list_approvals(&ctx, &story.demo.vault).await.unwrap();
        let told = &listed.requests.iter().find(|request| request.id == asked).unwrap().details;
        assert_eq!(told["tags"], format!("owner={value}"));
    }
}

/// Whoever gave a workload a credential can speak as it, so its word is theirs.
#[tokio::test]
async fn a_workload_grants_nothing_to_whoever_gave_it_a_credential() {
    let (story, olga) = (Story::of(1).await, person("olga"));
    let bot = story.demo.world.put_workload("bot", true).unwrap();
    for role in [Role::Owner, Role::Administrator] {
        story.give(&olga.id, role);
    }
    story.give(&bot.id, Role::Approver);
    let id = story.read_as(&olga, "db", None).await.unwrap_err().request.unwrap();
    story.say(&bot, id, Word::Grant, None).await.unwrap();
    story.read_as(&olga, "db", None).await.unwrap();

    let (client_id, add) = (bot.id.subject.parse().unwrap(), WorkloadEdit::AddSecret(NewSecret::default()));
    story.demo.world.admin.change_workload(&story.demo.world.request(&olga), client_id, &add).await.unwrap();
    story.read_as(&olga, "db", None).await.unwrap_err();
    let own = story.say(&bot, id, Word::Grant, None).await;
    assert!(matches!(own, Err(AdminError::OwnApproval)), "{own:?}");
    story.grant(id).await;
    story.read_as(&olga, "db", None).await.unwrap();
}

fn opened<T: std::fmt::Debug>(done: Result<T, AdminError>) -> Uuid {
    match done {
        Err(AdminError::Denied(denial)) => denial.reason.approval().unwrap().request.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What modules see of a write is agreed to with it, and its value is not.
#[tokio::test]
async fn an_approval_of_a_write_is_for_its_attributes() {
    let story = Story::of(1).await;
    let typed = async |value: &str, expires: Option<i64>, content_type: Option<&str>| {
        let attributes = SecretAttributes { expires, content_type: content_type.map(str::to_owned), ..enabled() };
        let (ctx, value) = (story.demo.world.request(&story.app), SecretText::new(value.to_owned()));
        story.demo.world.secrets.set(&ctx, &story.demo.vault, &name("db").unwrap(), &attributes, value).await
    };
    let set = async |value: &str, expires: Option<i64>| typed(value, expires, None).await;
    let wants = |set: Result<_, SecretError>| match set {
        Err(SecretError::Denied(denial)) => denial.reason.approval().unwrap().request.unwrap(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was set"),
    };
    let (soon, late) = (Some(BEGIN / SECOND + 3600), Some(BEGIN / SECOND + 7200));
    let asked = wants(set("one", soon).await);
    story.grant(asked).await;
    assert_ne!(wants(set("one", late).await), asked);
    assert_ne!(wants(set("one", None).await), asked);
    let other = wants(typed("one", soon, Some("application/x-pem-file")).await);
    assert_ne!(other, asked);
    assert_eq!(story.told(other).await["content_type"], "application/x-pem-file");
    for value in ["one", "another"] {
        set(value, soon).await.unwrap();
    }
}

/// Of a key: by which algorithm it is used, and by which terms it rotates. What is signed is not agreed to.
#[tokio::test]
async fn an_approval_of_what_is_done_with_a_key_is_for_what_it_tells() {
    let story = Story::of(1).await;
    let (world, vault, app) = (&story.demo.world, &story.demo.vault, name("app").unwrap());
    story
        .unguarded(async |demo| {
            let request = KeyRequest { spec: KeySpec::Ec { crv: Curve::P256 }, hardware: false, operations: None };
            demo.world.keys.create(&demo.request(), vault, &app, &request, &enabled()).await.unwrap();
        })
        .await;
    let sign = async |algorithm: SignAlgorithm, digest: u8| {
        let at = KeyAt { vault, name: &app, version: None };
        world.keys.sign(&world.request(&story.app), at, algorithm, vec![digest; 32]).await.map(drop)
    };
    let rotate = async |after: &str| {
        let rotate = Some(Trigger::AfterCreation(Span::parse(after).unwrap()));
        let terms = RotationTerms { rotate, ..RotationTerms::default() };
        world.keys.set_rotation_policy(&world.request(&story.app), vault, &app, &terms).await.map(drop)
    };
    let wants = |done: Result<(), KeyError>| match done {
        Err(KeyError::Object(ObjectError::Denied(denial))) => denial.reason.approval().unwrap().request.unwrap(),
        other => panic!("{other:?}"),
    };
    let asked = [
        wants(sign(SignAlgorithm::Es256, 1).await),
        wants(sign(SignAlgorithm::Es384, 1).await),
        wants(rotate("P30D").await),
        wants(rotate("P9Y").await),
    ];
    let listed = world.admin.list_approvals(&world.request(&story.grace), vault).await.unwrap();
    let told = |id: Uuid, detail: &str| {
        let request = listed.requests.iter().find(|request| request.id == id).unwrap();
        request.details.get(detail).cloned().unwrap_or_default()
    };
    assert_eq!([told(asked[0], "algorithm"), told(asked[1], "algorithm")], ["ES256", "ES384"]);
    assert_eq!([told(asked[2], "rotate"), told(asked[3], "rotate")], ["P30D after creation", "P9Y after creation"]);
    story.grant(asked[0]).await;
    for digest in [1, 2] {
        sign(SignAlgorithm::Es256, digest).await.unwrap();
    }
    assert_eq!(wants(sign(SignAlgorithm::Es384, 1).await), asked[1]);
}

/// Who signs and who is written to is agreed to as it is told, and one change is not laid over another.
#[tokio::test]
async fn an_approval_of_an_issuer_and_of_contacts_is_for_what_they_say() {
    let story = Story::of(1).await;
    let (world, vault, far) = (&story.demo.world, &story.demo.vault, name("far").unwrap());
    let ctx = || world.request(&story.app);
    let at = |host: &str| format!("https://{host}/directory");
    let set = async |host: &str| {
        let settings = IssuerSettings::Acme(AcmeSettings { directory: at(host), ..AcmeSettings::default() });
        let provider = Some("ACME".to_owned());
        let given = IssuerPatch { provider, settings: Some(settings), ..IssuerPatch::default() };
        world.issuers.set(&ctx(), vault, &far, &given).await.map(drop)
    };
    let change = async |given: IssuerPatch| world.issuers.update(&ctx(), vault, &far, &given).await.map(drop);
    let write_to = async |email: &str| {
        let one = Contact { email: email.to_owned(), name: None, phone: None };
        world.issuers.set_contacts(&ctx(), vault, &Contacts { contacts: vec![one] }).await
    };
    let wants = |done: Result<(), IssuerError>| match done {
        Err(IssuerError::Object(ObjectError::Denied(denial))) => denial.reason.approval().unwrap().request.unwrap(),
        other => panic!("{other:?}"),
    };
    let asked = wants(set("ca.example").await);
    story.grant(asked).await;
    let other = wants(set("other.example").await);
    assert_ne!(other, asked);
    assert_eq!(story.told(other).await["directory"], at("other.example"));
    set("ca.example").await.unwrap();

    let off = || IssuerPatch { enabled: Some(false), ..IssuerPatch::default() };
    let moved = || {
        let organization = Some(Organization { id: Some(at("one.example")), admin_details: Vec::new() });
        IssuerPatch { organization, ..IssuerPatch::default() }
    };
    let (first, second) = (wants(change(off()).await), wants(change(moved()).await));
    assert_ne!(first, second);
    for id in [first, second] {
        story.grant(id).await;
    }
    change(off()).await.unwrap();
    assert_ne!(wants(change(moved()).await), second, "it was agreed to of what there was");

    let asked = wants(write_to("ops@app.example").await);
    story.grant(asked).await;
    assert_ne!(wants(write_to("else@app.example").await), asked);
    assert_eq!(story.told(asked).await["contacts"], "ops@app.example");
    write_to("ops@app.example").await.unwrap();
}

/// Nothing is revoked but what was told, for no other reason, and once: it is for good.
#[tokio::test]
async fn an_approval_of_a_revocation_is_for_one_certificate_one_reason_and_once() {
    let story = Story::of(1).await;
    let (world, vault, root) = (&story.demo.world, &story.demo.vault, name("root").unwrap());
    let mut leaves = Vec::new();
    story
        .unguarded(async |demo| {
            demo.issue("root", &authority()).await.unwrap();
            demo.have_sign("inside", AuthoritySettings { certificate: "root".to_owned(), ..Default::default() }).await;
            for leaf in ["app", "web"] {
                leaves.push(demo.signed_as(leaf, &by("inside")).await);
            }
        })
        .await;
    let revoke = async |leaf: usize, reason: Reason| {
        let what = ToRevoke::Certificate(leaves[leaf].clone());
        world.revoking.revoke(&world.request(&story.app), vault, &root, &what, reason).await.map(drop)
    };
    let wants = |done: Result<(), RevocationError>| match done {
        Err(RevocationError::Object(ObjectError::Denied(denial))) => denial.reason.approval().unwrap().request.unwrap(),
        other => panic!("{other:?}"),
    };
    let asked = wants(revoke(0, Reason::Superseded).await);
    story.grant(asked).await;
    assert_eq!(story.told(asked).await["reason"], "superseded");
    for (leaf, reason) in [(0, Reason::KeyCompromise), (1, Reason::Superseded)] {
        assert_ne!(wants(revoke(leaf, reason).await), asked);
    }
    revoke(0, Reason::Superseded).await.unwrap();
    assert_ne!(wants(revoke(0, Reason::Superseded).await), asked, "it is done");
}

#[tokio::test]
async fn an_app_reads_after_somebody_else_agreed_and_until_that_ends() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    // The denial opened it, in its own transaction and in nobody else's.
    let record = story.demo.world.store.image().record(id).cloned().unwrap();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Denied, "approval"));
    let rows: Vec<_> = record.changed.iter().map(|row| (row.row, row.id.clone(), row.revision)).collect();
    assert_eq!(rows, [(RowKind::Approval, id.to_string(), 1)]);
    assert_eq!(story.waits("db").await, id, "asked again, it is the same");

    let ctx = story.demo.world.request(&story.grace);
    let listed = story.demo.world.admin.list_approvals(&ctx, &story.demo.vault).await.unwrap();
    let requests = &listed.requests;
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].id, requests[0].state(BEGIN / SECOND)), (id, ApprovalState::Waiting));
    assert_eq!(requests[0].subject.principal, story.app.id);
    assert!(listed.enforced.contains(&requests[0].attachment), "{:?}", listed.enforced);

    story.grant(id).await;
    story.read("db").await.unwrap();
    // The fact that was used is on record, so that the decision can be asked again.
    let newest = story.demo.world.store.image().log.last().unwrap().record.clone();
    let approvals = newest.input.unwrap().approvals.unwrap();
    assert_eq!(approvals.len(), 1);
    assert_eq!((approvals[0].issuer.as_str(), approvals[0].subject.as_str()), ("https://people.example", "grace"));
    assert_eq!(approvals[0].until - approvals[0].granted, 600);

    story.pass(599);
    story.read("db").await.unwrap();
    story.pass(1);
    let next = story.waits("db").await;
    assert_ne!(next, id, "it ended, and is asked for anew");
    let late = story.say(&story.grace, id, Word::Grant, None).await;
    assert!(matches!(late, Err(AdminError::ApprovalNotFound)));
}

#[tokio::test]
async fn an_approval_is_for_one_principal_one_operation_one_object_and_one_version() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    story.read("db").await.unwrap();
    assert_ne!(story.waits("other").await, id);
    let ada = story.demo.ada.clone();
    assert_ne!(story.read_as(&ada, "db", None).await.unwrap_err().request, Some(id), "somebody else");
    // The same subject at another issuer is somebody else, whatever they are called.
    let twin = principal("https://twin.example", &story.app.id.subject, story.app.kind, &[]);
    story.give(&twin.id, Role::Administrator);
    assert_ne!(story.read_as(&twin, "db", None).await.unwrap_err().request, Some(id));
    let current = {
        let image = story.demo.world.store.image();
        let row = image.objects.iter().find(|((.., name), _)| name == "db").unwrap().1;
        row.meta.current.clone()
    };
    let named = story.read_as(&story.app, "db", Some(&current)).await;
    assert_ne!(named.unwrap_err().request, Some(id), "a version that is named is for itself");
    let deleted = story.demo.delete_in(&story.demo.world.request(&story.app), "db").await;
    let Err(SecretError::Denied(denial)) = deleted else { panic!("another operation") };
    assert_ne!(denial.reason.approval().unwrap().request, Some(id));
}

#[tokio::test]
async fn nobody_approves_their_own_by_whatever_role_or_name() {
    let story = Story::of(1).await;
    story.give(&story.app.id, Role::Owner);
    let id = story.waits("db").await;
    let own = story.say(&story.app, id, Word::Grant, None).await;
    assert!(matches!(own, Err(AdminError::OwnApproval)));
    assert!(story.read("db").await.is_err());
    let newest = story.demo.world.store.image().log.iter().rev().nth(1).unwrap().record.clone();
    assert_eq!((newest.operation.as_str(), newest.reason.as_str()), ("ApprovalGrant", "own-approval"));
    assert_eq!(newest.object, Some(id.to_string()));
}

#[tokio::test]
async fn who_holds_no_role_for_it_neither_sees_nor_grants() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    // Everything in the vault, and no say about it.
    let ada = story.demo.ada.clone();
    let answer = story.say(&ada, id, Word::Grant, None).await;
    assert!(matches!(answer, Err(AdminError::Denied(denial)) if denial.action == Action::ApprovalDecide));
    let ctx = story.demo.world.request(&ada);
    assert!(story.demo.world.admin.list_approvals(&ctx, &story.demo.vault).await.is_err());
}

#[tokio::test]
async fn a_refusal_counts_at_once_and_nobody_is_asked_anew_before_it_ends() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    story.read("db").await.unwrap();
    story.say(&story.grace, id, Word::Refuse, Some(120)).await.unwrap();
    let wanted = story.read("db").await.unwrap_err();
    assert_eq!((wanted.request, wanted.refused_until), (Some(id), Some(BEGIN / SECOND + 120)));
    story.pass(120);
    assert_ne!(story.waits("db").await, id);
}

#[tokio::test]
async fn two_approvers_are_two_people() {
    let story = Story::of(2).await;
    let linus = person("linus");
    story.give(&linus.id, Role::Approver);
    let id = story.waits("db").await;
    story.grant(id).await;
    story.grant(id).await;
    assert_eq!(story.waits("db").await, id, "one person is one, however often");
    story.say(&linus, id, Word::Grant, None).await.unwrap();
    story.read("db").await.unwrap();
}

#[tokio::test]
async fn a_principal_opens_so_many_and_is_still_denied_and_recorded_beyond() {
    let story = Story::of(1).await;
    for one in 0..MAX_OF_PRINCIPAL {
        let secret = format!("none-{one}");
        assert!(story.read(&secret).await.unwrap_err().request.is_some(), "{one}");
    }
    let before = story.demo.world.store.image().log.len();
    assert_eq!(story.read("one-more").await.unwrap_err().request, None);
    assert_eq!(story.demo.world.store.image().log.len(), before + 1);
    let ada = story.demo.ada.clone();
    assert!(story.read_as(&ada, "db", None).await.unwrap_err().request.is_some(), "others are not kept out");
}

/// Where modules alone grant, anybody with a token is asked about: who holds nothing opens no request, unless a module
/// with authority would let them in.
#[tokio::test]
async fn strangers_open_no_request_where_modules_grant() {
    let attached = |name: &str, module, authority| PolicyAttachment {
        name: name.to_owned(),
        module,
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority,
        previous: None,
    };
    let policies = vec![attached("two", GUARD, false), attached("decider", ModuleDigest([8; 32]), true)];
    let demo = Demo::with(VaultSettings { access_mode: AccessMode::Modules, policies, ..VaultSettings::default() });
    demo.world.policies.wants(GUARD, &["approvals"]);
    demo.world.policies.answer("two", Verdict::NeedsApproval(1));
    let says = |effect| demo.world.policies.answer("decider", Verdict::Says(effect));
    let asks = async |who: &str| match demo.get_in(&demo.world.request(&person(who)), "db", None).await {
        Err(SecretError::Denied(denial)) => denial.reason,
        _ => panic!("it wants an approval"),
    };
    let give = |who: &str, role: Role| {
        let vault = demo.world.store.image().vaults["demo"].id;
        let grantee = Grantee::Principal { id: person(who).id.clone() };
        demo.world.put_grant(grantee, role, Scope::Vault { vault }).unwrap();
    };
    give("grace", Role::Approver);
    says(Effect::Abstain);
    let denied = asks("eve").await;
    assert!(denied.approval().is_none() && *denied.told() == DenyReason::NoRole, "{denied:?}");
    assert!(demo.world.store.image().log.last().unwrap().record.changed.is_empty(), "nothing was opened");
    give("bob", Role::Reader);
    assert!(asks("bob").await.approval().is_some_and(|wanted| wanted.request.is_some()), "he holds something");
    says(Effect::Allow);
    assert!(asks("eve").await.approval().is_some_and(|wanted| wanted.request.is_some()), "whom an authority lets in");
}

/// A module with authority that asks for approval lets nobody in yet. Strangers have to know that they may ask, and learn
/// nothing else; those who hold something are told as ever.
#[tokio::test]
async fn whom_an_authority_invites_is_told_of_no_module_no_request_and_no_object() {
    let two = PolicyAttachment {
        name: "two".to_owned(),
        module: GUARD,
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: true,
        previous: None,
    };
    let settings = VaultSettings { access_mode: AccessMode::Modules, policies: vec![two], ..VaultSettings::default() };
    let demo = Demo::with(settings);
    demo.world.policies.wants(GUARD, &["approvals"]);
    demo.world.policies.answer("two", Verdict::Says(Effect::Allow));
    demo.set("db", "one").await.unwrap();
    demo.world.policies.answer("two", Verdict::NeedsApproval(1));
    let asks = async |who: &str, secret: &str| match demo.get_in(&demo.world.request(&person(who)), secret, None).await
    {
        Err(SecretError::Denied(denial)) => denial.reason,
        _ => panic!("it wants an approval"),
    };
    let opened = || demo.world.store.image().approvals.len();
    let missing = asks("eve", "none").await;
    assert_eq!(opened(), 0, "what is not there waits for nobody");
    let there = asks("eve", "db").await;
    assert_eq!(opened(), 1);
    assert!(demo.world.store.image().approvals.values().all(|request| request.stranger && request.attachment == "two"));
    for reason in [missing, there, asks("eve", "db").await] {
        let wanted = reason.approval().unwrap();
        assert!(wanted.of_stranger && wanted.request.is_none(), "{wanted:?}");
        assert!(matches!(&reason, DenyReason::Policy { attachment, .. } if attachment.is_empty()), "{reason:?}");
    }
    assert_eq!(opened(), 1);
    let newest = demo.world.store.image().log.last().unwrap().record.clone();
    assert!(newest.trace.iter().any(|stage| stage.stage == "policy:two"), "the record has it: {:?}", newest.trace);

    let vault = demo.world.store.image().vaults["demo"].id;
    let bob = Grantee::Principal { id: person("bob").id.clone() };
    demo.world.put_grant(bob, Role::Reader, Scope::Vault { vault }).unwrap();
    let reason = asks("bob", "db").await;
    assert!(matches!(&reason, DenyReason::Policy { attachment, .. } if attachment == "two"), "{reason:?}");
    assert!(reason.approval().is_some_and(|wanted| wanted.request.is_some()));
}

#[tokio::test]
async fn many_at_once_open_one_request() {
    let story = Story::of(1).await;
    let asked = futures_of(&story, 8).await;
    assert!(asked.iter().all(|id| *id == asked[0] && id.is_some()), "{asked:?}");
    assert_eq!(story.demo.world.store.image().approvals.len(), 1);
}

async fn futures_of(story: &Story, count: usize) -> Vec<Option<Uuid>> {
    let mut reads: Vec<_> = (0..count).map(|_| Box::pin(story.read("db"))).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|cx| {
        reads.retain_mut(|read| match read.as_mut().poll(cx) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer.unwrap_err().request);
                false
            }
            std::task::Poll::Pending => true,
        });
        if reads.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers
}

#[tokio::test]
async fn a_row_that_strongroom_did_not_write_denies() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    story.demo.world.store.meddle(|image| {
        let request = image.approvals.get_mut(&id).unwrap();
        request.ends += 9999;
        request.approvals[0].until += 9999;
    });
    let ctx = story.demo.world.request(&story.app);
    let Err(SecretError::Denied(denial)) = story.demo.get_in(&ctx, "db", None).await else { panic!("allowed") };
    assert_eq!(denial.reason, DenyReason::Tampered);
}

#[tokio::test]
async fn requests_survive_a_crash() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    let demo = story.demo.after_crash();
    demo.world.policies.wants(GUARD, &["approvals"]);
    demo.world.policies.answer("two", Verdict::NeedsApproval(1));
    let story = Story { demo, ..story };
    story.read("db").await.unwrap();
}

#[tokio::test]
async fn an_approval_ends_with_the_object_it_was_for_and_not_with_its_next_version() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    story.unguarded(async |demo| drop(demo.set("db", "two").await.unwrap())).await;
    story.read("db").await.unwrap();
    story
        .unguarded(async |demo| {
            demo.delete_in(&demo.request(), "db").await.unwrap();
            demo.recover_in(&demo.request(), "db").await.unwrap();
        })
        .await;
    story.read("db").await.unwrap();
    story
        .unguarded(async |demo| {
            demo.delete_in(&demo.request(), "db").await.unwrap();
            demo.purge_in(&demo.request(), "db").await.unwrap();
            demo.set("db", "another value").await.unwrap();
        })
        .await;
    let wanted = story.read("db").await.unwrap_err();
    assert!(wanted.request.is_some(), "it is asked for anew");
    let request = story.demo.world.store.image().approvals[&wanted.request.unwrap()].clone();
    assert_eq!((request.state(BEGIN / SECOND), request.approvals.len()), (ApprovalState::Waiting, 0));
    story.grant(request.id).await;
    story.read("db").await.unwrap();
}

#[tokio::test]
async fn an_approval_of_what_was_not_there_is_none_of_what_came_and_one_from_before_this_was_known_counts_as_none() {
    let story = Story::of(1).await;
    let id = story.waits("new").await;
    story.grant(id).await;
    story.unguarded(async |demo| drop(demo.set("new", "one").await.unwrap())).await;
    assert!(story.read("new").await.is_err());

    let id = story.waits("db").await;
    story.grant(id).await;
    let keyring = &story.demo.world.keyring;
    story.demo.world.store.meddle(|image| {
        let request = image.approvals.get_mut(&id).unwrap();
        request.seen = None;
        request.tag = keyring.tag_approval(request).unwrap();
    });
    assert!(story.read("db").await.is_err());
}

#[tokio::test]
async fn an_approval_counts_while_its_giver_may_give_it() {
    let story = Story::of(1).await;
    let id = story.waits("db").await;
    story.grant(id).await;
    story.read("db").await.unwrap();
    let grace = Grantee::Principal { id: story.grace.id.clone() };
    story.take_away(&grace);
    assert_eq!(story.waits("db").await, id, "the same request waits for somebody else");
    story.give(&story.grace.id, Role::Approver);
    story.read("db").await.unwrap();
    story.take_away(&grace);
    let linus = person("linus");
    story.give(&linus.id, Role::Approver);
    let answered = story.say(&linus, id, Word::Grant, None).await.unwrap();
    assert_eq!(answered.approvals.iter().map(|one| &one.by).collect::<Vec<_>>(), [&linus.id], "nobody else's is left");
    story.read("db").await.unwrap();
}

#[tokio::test]
async fn an_approval_by_a_group_counts_while_the_group_may_give_it() {
    let story = Story::of(1).await;
    let on_duty = Grantee::Group { issuer: story.grace.id.issuer.clone(), group: "on-duty".to_owned() };
    story.demo.world.put_grant(on_duty.clone(), Role::Approver, Scope::Server).unwrap();
    let linus = principal(&story.grace.id.issuer, "linus", story.grace.kind, &["staff", "on-duty"]);
    let id = story.waits("db").await;
    story.say(&linus, id, Word::Grant, None).await.unwrap();
    story.read("db").await.unwrap();
    story.take_away(&on_duty);
    assert!(story.read("db").await.is_err());
}

#[tokio::test]
async fn an_approval_by_a_workload_ends_when_it_is_disabled_or_gone() {
    let story = Story::of(1).await;
    let bot = story.demo.world.put_workload("bot", true).unwrap();
    story.give(&bot.id, Role::Approver);
    let id = story.waits("db").await;
    story.say(&bot, id, Word::Grant, None).await.unwrap();
    story.read("db").await.unwrap();
    let client_id: Uuid = bot.id.subject.parse().unwrap();
    let keyring = &story.demo.world.keyring;
    let known = story.demo.world.store.image().workloads[&client_id].clone();
    let put = |enabled, generation| {
        let mut changed = Workload { enabled, generation, ..(*known).clone() };
        changed.tag = keyring.tag_workload(&changed).unwrap();
        story.demo.world.store.meddle(|image| image.workloads.insert(client_id, Arc::new(changed)));
    };
    put(false, 1);
    assert!(story.read("db").await.is_err(), "disabled");
    put(true, 1);
    assert!(story.read("db").await.is_err(), "enabled again it is no word of that time");
    put(true, 0);
    story.read("db").await.unwrap();
    story.demo.world.store.meddle(|image| image.workloads.remove(&client_id));
    assert!(story.read("db").await.is_err(), "gone, with an assignment left behind");
}

#[tokio::test]
async fn an_owner_of_the_installation_lifts_what_others_refused_and_nobody_else_does() {
    let story = Story::of(1).await;
    let (linus, olga) = (person("linus"), person("olga"));
    story.give(&linus.id, Role::Approver);
    story.give(&olga.id, Role::Owner);
    let id = story.waits("db").await;
    story.say(&linus, id, Word::Refuse, None).await.unwrap();
    for word in [Word::Refuse, Word::Grant] {
        let answer = story.say(&story.grace, id, word, None).await;
        assert!(matches!(answer, Err(AdminError::ApprovalRefused)), "not by a refusal in its place either");
    }
    story.say(&olga, id, Word::Grant, None).await.unwrap();
    let newest = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((newest.operation.as_str(), newest.principal.as_ref()), ("ApprovalGrant", Some(&olga.id)));
    assert!(newest.trace.iter().any(|stage| stage.reason == "overruled-by-owner"), "{:?}", newest.trace);
    story.read("db").await.unwrap();
}
