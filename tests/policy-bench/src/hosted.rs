//! The rule as a policy module, asked through the host as a server asks it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_domain::policy::{
    AttachmentState, Effect, FactValue, ModuleDigest, PolicyAttachment, PolicyConnection, PolicyEngine, PolicyObject,
    PolicyPrincipal, PolicyRequest,
};
use strongroom_policy_host::{
    ArtefactSeal, ChildProgram, HostOptions, Isolation, ModuleSource, PolicyHost, SourceModule, shipped,
};
use tokio::runtime::Builder;

use crate::measure::{AT_ONCE, Figures, ROUNDS, attached, memory, one_at_a_time, per_decision, processor_time};

pub(crate) const ACTION: &str = "Microsoft.KeyVault/vaults/secrets/setSecret/action";
/// So many modules are loaded while decisions are made.
pub(crate) const RESIDENT: usize = 50;

pub(crate) fn measure(isolation: Isolation) -> Vec<(String, Figures)> {
    // Threads stay, because what they took is asked of them.
    let stay = Duration::from_secs(3600);
    let runtime = Builder::new_multi_thread().enable_all().thread_keep_alive(stay).build().expect("a runtime");
    let modules: Arc<Modules> = Arc::default();
    let host = PolicyHost::start(options(isolation, Arc::clone(&modules))).expect("a host");
    let host = Arc::new(host);
    let before = memory();
    let digests: Vec<_> = (0..RESIDENT).map(|number| runtime.block_on(load(&host, &modules, number))).collect();
    let loaded = memory();

    let mut all = Vec::new();
    for count in crate::ATTACHMENTS {
        let attachments: Vec<_> =
            digests.iter().take(count).map(|digest| attachment("naming-convention", *digest)).collect();
        all.push((attached(count), decisions(&runtime, &host, &attachments, &request())));
    }
    for module in shipped() {
        let attachments = [attachment(module.name, module.digest)];
        let figures = decisions(&runtime, &host, &attachments, &request_to(module.name));
        all.push((format!("module {}", module.name), figures));
    }
    all.push(("memory".to_owned(), Figures { p50: before, p99: loaded, alone: memory(), ..Figures::default() }));
    all
}

fn decisions(
    runtime: &tokio::runtime::Runtime,
    host: &Arc<PolicyHost>,
    attachments: &[PolicyAttachment],
    request: &PolicyRequest,
) -> Figures {
    let attached: Vec<_> = attachments.iter().collect();
    let figures = runtime.block_on(one_at_a_time(attached.len(), async || {
        let said = host.judge(&attached, request).await;
        assert_eq!(said.len(), attached.len(), "every module was asked");
    }));
    let mut fuel = 0;
    for said in runtime.block_on(host.judge(&attached, request)) {
        let answer = said.answer.expect("an answer");
        assert!(answer.effect != Effect::Deny, "{answer:?}");
        fuel = fuel.max(answer.fuel);
    }
    Figures { fuel: fuel as f64, busy: runtime.block_on(busy(host, attachments, request)), ..figures }
}

/// Processor time of this process and its child for one module's decision, with many under way.
async fn busy(host: &Arc<PolicyHost>, attachments: &[PolicyAttachment], request: &PolicyRequest) -> f64 {
    let rounds = 2 * ROUNDS / AT_ONCE / attachments.len();
    let before = processor_time();
    let tasks = (0..AT_ONCE).map(|_| {
        let (host, attachments, request) = (Arc::clone(host), attachments.to_vec(), request.clone());
        tokio::spawn(async move {
            let attached: Vec<_> = attachments.iter().collect();
            for _ in 0..rounds {
                assert_eq!(host.judge(&attached, &request).await.len(), attached.len());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("answers");
    }
    per_decision(processor_time().saturating_sub(before), rounds * AT_ONCE * attachments.len())
}

/// The module with another end each time, so that each is compiled and loaded by itself.
async fn load(host: &PolicyHost, modules: &Modules, number: usize) -> ModuleDigest {
    let module = shipped().into_iter().find(|module| module.name == "naming-convention").expect("it ships");
    let number = u8::try_from(number).expect("a small number");
    // A custom section (0) of three bytes: its name, of one letter, and the number.
    let bytes: Arc<[u8]> = [module.bytes, &[0, 3, 1, b'n', number][..]].concat().into();
    let (digest, _) = host.admit(Arc::clone(&bytes), None).await.expect("a module");
    modules.0.lock().expect("nobody panicked").insert(digest, bytes);
    digest
}

fn options(isolation: Isolation, modules: Arc<Modules>) -> HostOptions {
    HostOptions {
        isolation,
        program: ChildProgram::this_one(&[]),
        cache: None,
        seal: Arc::new(NoSeal),
        source: modules,
        signers: Vec::new(),
    }
}

/// Nothing is kept, so nothing is sealed.
struct NoSeal;

impl ArtefactSeal for NoSeal {
    fn tag(&self, _parts: &[&[u8]]) -> [u8; 32] {
        [0; 32]
    }

    fn verify(&self, _parts: &[&[u8]], _tag: &[u8]) -> bool {
        false
    }
}

/// What was uploaded.
#[derive(Default)]
struct Modules(std::sync::Mutex<HashMap<ModuleDigest, Arc<[u8]>>>);

#[async_trait::async_trait]
impl ModuleSource for Modules {
    async fn bytes(&self, digest: &ModuleDigest) -> Result<Option<SourceModule>, String> {
        let found = self.0.lock().map_err(|_| "somebody panicked")?.get(digest).cloned();
        Ok(found.map(|bytes| SourceModule { bytes, signature: None }))
    }
}

/// The module, with settings under which it has something to do and does not deny.
fn attachment(name: &str, module: ModuleDigest) -> PolicyAttachment {
    let settings = match name {
        "enforce-expiry" => r#"{"max_days":90}"#,
        "naming-convention" => r#"{"allowed_names":["db-*"],"required_tags":["owner"]}"#,
        "network-zone" => r#"{"allowed":["192.0.2.0/24"],"listeners":["https"]}"#,
        "office-hours" => r#"{"utc_offset":0,"hours":[{"days":["mon"],"from":"08:00","until":"18:00"}]}"#,
        "rate-guard" => r#"{"per_minute":20,"denied_in_five_minutes":4}"#,
        "require-mfa" => r#"{"acr":["1","2"]}"#,
        "two-person" => r#"{"names":["prod-*"]}"#,
        "certificate-names" => r#"{"domains":["example.com"]}"#,
        _ => "{}",
    };
    PolicyAttachment {
        name: "bench".to_owned(),
        module,
        settings: settings.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    }
}

/// The same to one module, with the facts that it wants.
fn request_to(module: &str) -> PolicyRequest {
    let mut request = request();
    if module == "rate-guard" {
        let counts = ["count/principal/any/60", "count/principal/denied/300"];
        request.facts = counts.map(|fact| (fact.to_owned(), Some(FactValue::Number(2)))).into();
    }
    if module == "two-person" {
        request.approvals = Some(Vec::new());
    }
    request
}

/// A write by somebody in eight groups.
fn request() -> PolicyRequest {
    PolicyRequest {
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: (0..8).map(|group| format!("group-{group}")).collect(),
            claims: [("acr".to_owned(), "1".to_owned())].into(),
        },
        connection: PolicyConnection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            ..PolicyConnection::default()
        },
        action: ACTION.to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            tags: [("owner".to_owned(), "payments".to_owned())].into(),
            enabled: Some(true),
            expires: Some(1_780_401_600),
            ..PolicyObject::default()
        },
        time: 1_780_315_200,
        ..PolicyRequest::default()
    }
}
