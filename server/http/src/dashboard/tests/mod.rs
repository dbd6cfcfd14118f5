//! The dashboard as a browser meets it: requests through the edge, over a store in memory.

mod access;
mod answers;
mod bad_input;
mod bulk;
mod certificates;
mod changing;
mod command_line;
mod compare;
mod concealed;
mod data_plane;
mod enforcing;
mod foreign;
mod forms;
mod issuers;
mod kept_back;
mod keys;
mod languages;
mod managing;
mod modules;
mod offers;
mod policies;
mod probes;
mod reading;
mod records;
mod secret_import;
mod settings;
mod setup;
mod sign_in;
mod sorting;
mod spans;
mod stale;
mod step_up;
mod taken;
mod unparsed;
mod vaults;
mod walk;
mod why;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use strongroom_crypto::{Plaintext, SecretText};
use strongroom_domain::{
    admin::{Administration, LISTINGS, Looks, TokenKeyring},
    entrance::{AccessToken, ClientProof, CredentialError, Credentials, Entrance, EntranceError, Proven, TokenRates},
    grant::Scope,
    identity::{UsedAssertion, Workload},
    keys::Keys,
    names::VaultName,
    places::Places,
    policy::{AttachmentState, ModuleDigest, PolicyAttachment},
    principal::{Grantee, Principal},
    proofs::Proofs,
    record::{FloodGate, Outcome, Record},
    role::Role,
    secrets::Secrets,
    setup::Setup,
    sign_in::{
        Authenticator, CheckState, LogoutToken, ProviderLook, ProviderTold, SignIn, SignInDemand, SignInError,
        SignInProvider, SignedIn, TokenCheck, TokenExplanation, TokenRejected,
    },
    test_support::{
        signed_in,
        world::{PEOPLE, TOKEN_KEYS, World, demo, enabled, name, person},
    },
    vault::VaultSettings,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    api::token::{TokenDesk, TokenForm, TokenProblem},
    edge::{Body, RawRequest, answer},
    message::Response,
    paths::Addresses,
    services::{ChainStatus, LongAnswers, LongBodies, Services, live_batches},
};

const BASE: &str = "https://vault.localhost:8443";
/// Letters only: digits and symbols are marked up, and would not be found as they are.
const VALUE: &str = "thevalueitself";

/// The one issuer that nobody configured.
const UNCONFIGURED: &str = "https://nobody.example";

/// Providers, by their names, that let in whoever the code names.
struct Provider(&'static [&'static str]);

#[async_trait]
impl SignIn for Provider {
    fn providers(&self) -> Vec<SignInProvider> {
        let named =
            |id: &&str| SignInProvider { id: (*id).into(), name: "Development sign-in".into(), issuer: PEOPLE.into() };
        self.0.iter().map(named).collect()
    }

    fn knows(&self, issuer: &str) -> bool {
        issuer != UNCONFIGURED
    }

    async fn look(&self, _: &str, at: i64) -> Result<ProviderLook, SignInError> {
        Ok(ProviderLook {
            at,
            discovery_uri: format!("{PEOPLE}/.well-known/openid-configuration"),
            discovery: Ok(ProviderTold {
                authorization_endpoint: Some("https://idp.example/authorize".into()),
                token_endpoint: Some("https://idp.example/token".into()),
                jwks_uri: "https://idp.example/keys".into(),
                end_session_endpoint: None,
            }),
            keys: Err("the answer has status 500".into()),
            clock_ahead: Some(3),
        })
    }

    async fn begin(
        &self,
        provider: &str,
        back: &str,
        demand: &SignInDemand,
        _: i64,
    ) -> Result<(String, Plaintext), SignInError> {
        let SignInDemand { afresh, acr } = demand;
        let more = if *afresh { format!("&max_age=0&acr_values={}", acr.join("+")) } else { String::new() };
        match provider {
            known if self.0.contains(&known) => {
                let address = format!("https://idp.example/authorize?redirect_uri={back}{more}");
                Ok((address, Plaintext::new(format!("s1 {back}").into_bytes())))
            }
            "down" => Err(SignInError::Unreachable),
            _ => Err(SignInError::UnknownProvider),
        }
    }

    async fn finish(
        &self,
        kept: &Plaintext,
        came_to: &str,
        query: &[(String, String)],
        now: i64,
    ) -> Result<SignedIn, SignInError> {
        let get = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let (begun, back) = std::str::from_utf8(kept.expose()).unwrap().split_once(' ').unwrap();
        if back != came_to {
            return Err(SignInError::Invalid("sign-in-issuer-mismatch"));
        }
        match (get("state"), get("code")) {
            (Some(state), _) if state != begun => Err(SignInError::Invalid("sign-in-state-mismatch")),
            (Some(_), Some("down")) => Err(SignInError::Unreachable),
            (Some(_), Some("system")) => Ok(signed_in(&Principal::system("backup"), "System")),
            (Some(_), Some(code)) => Ok(SignedIn {
                provider_session: Some(format!("session of {code}")),
                authenticated: Some(now / 1000),
                ..signed_in(&person(code), &format!("{code} Lovelace"))
            }),
            _ => Err(SignInError::Refused),
        }
    }

    async fn end(&self, provider: &str, back: &str) -> Result<Option<String>, SignInError> {
        Ok((provider == "dev").then(|| format!("https://idp.example/end?post_logout_redirect_uri={back}")))
    }

    async fn logout_token(&self, provider: &str, token: &str, now: i64) -> Result<LogoutToken, SignInError> {
        let (subject, number) = token.split_once('.').ok_or(SignInError::Invalid("token-malformed"))?;
        let number: u8 = number.parse().map_err(|_| SignInError::Invalid("token-malformed"))?;
        match provider {
            "dev" => Ok(LogoutToken {
                issuer: PEOPLE.into(),
                subject: Some(subject.into()),
                session: None,
                once: UsedAssertion { id_hash: [number; 32], used: now / 1000, expires: now / 1000 + 600 },
            }),
            "down" => Err(SignInError::Unreachable),
            _ => Err(SignInError::UnknownProvider),
        }
    }
}

/// Nobody has a client credential here; the token of a person is `person-` and their name.
struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, token: &str, _: i64) -> Result<Arc<Principal>, TokenRejected> {
        token.strip_prefix("person-").map(person).ok_or(TokenRejected::Invalid("token-malformed"))
    }

    async fn explain(&self, _: &str, _: i64) -> TokenExplanation {
        TokenExplanation { principal: None, reason: Some("token-malformed"), checks: Vec::new() }
    }

    fn knows(&self, issuer: &str) -> bool {
        issuer != UNCONFIGURED
    }

    fn issuers(&self) -> Vec<String> {
        vec![PEOPLE.to_owned()]
    }

    fn ends(&self, _: &str) -> Option<i64> {
        None
    }
}

#[async_trait]
impl Credentials for Nobody {
    async fn check(&self, _: Option<&Workload>, _: &str, _: &ClientProof, _: i64) -> Result<Proven, CredentialError> {
        Err(CredentialError::Invalid)
    }

    async fn explain(&self, _: Option<&Workload>, token: &SecretText, _: i64) -> TokenExplanation {
        let claim = token.expose().split('.').nth(1).and_then(|claims| BASE64URL_NOPAD.decode(claims.as_bytes()).ok());
        let check = TokenCheck {
            check: "federation issuer",
            state: CheckState::Failed,
            verified: false,
            found: claim.map(|claim| String::from_utf8_lossy(&claim).into_owned()).unwrap_or_default(),
            expected: "as in one federation".to_owned(),
            advice: Some("No federation of the workload has this issuer."),
        };
        TokenExplanation { principal: None, reason: Some("federation-not-found"), checks: vec![check] }
    }

    fn mint(&self, _: &Workload, _: Uuid, _: Uuid, _: i64) -> Result<AccessToken, CredentialError> {
        Err(CredentialError::SigningFailed)
    }
}

impl TokenDesk for Nobody {
    fn discovery(&self, tenant: &str, _: bool) -> Option<Value> {
        (tenant == "11").then_some(Value::Null)
    }

    fn keys(&self) -> Value {
        Value::Null
    }

    fn read(&self, _: &str, _: &[u8], _: &str, _: i64) -> Result<TokenForm, TokenProblem> {
        Err(TokenProblem { status: 400, body: Value::Null, reason: "invalid-request", retry_after: None })
    }

    fn granted(&self, _: AccessToken) -> Response {
        Response::empty(500)
    }

    fn refused(&self, _: &EntranceError, _: &ClientProof, _: &str, _: i64) -> TokenProblem {
        TokenProblem { status: 401, body: Value::Null, reason: "invalid-client", retry_after: None }
    }
}

/// An installation with the vault `demo`, which Ada owns.
struct Story {
    world: World,
    services: Arc<Services>,
    vault: VaultName,
    ada: Arc<Principal>,
}

/// An answer as a browser sees it.
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.iter().filter(|(key, _)| *key == "set-cookie").map(|(_, value)| value.as_str());
        let pairs = set.filter_map(|value| value.split(';').next()?.split_once('='));
        pairs
            .filter(|(key, value)| *key == name && !value.is_empty())
            .map(|(key, value)| format!("{key}={value}"))
            .next()
    }

    /// What the hidden field of the page's forms holds.
    fn form_token(&self) -> &str {
        self.text.split("name=\"csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap()
    }
}

/// Of every page that any story sees: a row of something denied holds the way to its why.
fn whatever_was_denied_leads_to_its_why(target: &str, text: &str) {
    let rows = text.split("<tr").skip(1).filter_map(|rest| rest.split("</tr>").next());
    for row in rows.filter(|row| row.contains("Denied</span>")) {
        assert!(row.contains(" href=\"/why/"), "{target}: a denial without its why: {row}");
    }
}

/// A request to the base host with nothing to show.
fn raw(method: &str, target: &str) -> RawRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RawRequest {
        method: method.into(),
        authority: "vault.localhost:8443".into(),
        path: path.into(),
        query: query.into(),
        authorization: None,
        cookies: None,
        origin: None,
        content_type: (method == "POST").then(|| "application/x-www-form-urlencoded".into()),
        client_request_id: None,
        accept_language: None,
        user_agent: None,
        if_match: None,
        body: Body::Read(Zeroizing::default()),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        listener: "test",
        wire: Arc::default(),
    }
}

impl Story {
    fn start() -> Self {
        let (world, vault, ada) = (World::start().unwrap(), demo().unwrap(), person("ada"));
        world.put_vault(&vault, VaultSettings::default()).unwrap();
        world.put_grant(Grantee::Principal { id: ada.id.clone() }, Role::Owner, Scope::Server).unwrap();
        let ports = Arc::new(world.store.clone());
        let (setup_store, codes) = (ports.clone(), Arc::new(setup::Terminal::default()));
        let services = Services {
            addresses: Addresses::new(BASE, "11").unwrap(),
            development: true,
            secrets: Secrets { objects: world.objects.clone() },
            certificates: world.other_certificates(),
            issuers: world.issuers.clone(),
            revoking: world.revoking.clone(),
            keys: Keys::new(world.objects.clone()),
            objects: world.objects.clone(),
            admin: Administration {
                gate: world.gate.clone(),
                vaults: ports.clone(),
                grants: ports.clone(),
                audit: ports.clone(),
                looks: Looks::default(),
                listings: Places::new(LISTINGS),
                policies: world.policies.clone(),
                token_keys: TokenKeyring {
                    store: ports.clone(),
                    label: TOKEN_KEYS,
                    made_at: 0,
                    holder: world.token_keys.clone(),
                },
                library: world.policies.clone(),
                modules: ports.clone(),
                condemned: ports.clone(),
                keyring: world.keyring.clone(),
                recorder: world.recorder.clone(),
                entropy: world.entropy.clone(),
            },
            entrance: Entrance {
                gate: world.gate.clone(),
                sign_in: Arc::new(Provider(&["dev"])),
                identities: ports,
                credentials: Arc::new(Nobody),
                keyring: world.keyring.clone(),
                recorder: world.recorder.clone(),
                entropy: world.entropy.clone(),
                flood: FloodGate::default(),
                rates: TokenRates::default(),
            },
            setup: Setup::locked(setup_store, codes, Arc::new(Nobody)),
            authenticator: Arc::new(Nobody),
            sign_in: Arc::new(Provider(&["dev"])),
            token_desk: Arc::new(Nobody),
            recorder: world.recorder.clone(),
            flood: FloodGate::default(),
            certificate: crate::services::CertificateStanding::default(),
            listening: crate::services::Listening::default(),
            long_bodies: LongBodies::default(),
            long_answers: LongAnswers::default(),
            live_batches: live_batches(),
            proofs: Proofs::new(world.keyring.clone(), Arc::new(world.store.clone())),
            keyring: world.keyring.clone(),
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
            chain: Arc::new(ChainStatus::default),
        };
        Self { services: Arc::new(services), world, vault, ada }
    }

    /// Attaches a module to the vault, with the name `guard`.
    fn guard(&self) {
        let guard = PolicyAttachment {
            name: "guard".to_owned(),
            module: ModuleDigest([7; 32]),
            settings: "{}".to_owned(),
            state: AttachmentState::Enforce,
            authority: false,
            previous: None,
        };
        self.world.put_vault(&self.vault, VaultSettings { policies: vec![guard], ..VaultSettings::default() }).unwrap();
    }

    async fn set(&self, secret: &str, value: &str) -> String {
        let request = self.world.request(&self.ada);
        let value = SecretText::new(value.into());
        let set =
            self.world.secrets.set(&request, &self.vault, &name(secret).unwrap(), &enabled(), value).await.unwrap();
        set.meta.version.to_string()
    }

    async fn send(&self, method: &str, target: &str, cookies: &str, origin: Option<&str>, body: &str) -> Page {
        let raw = RawRequest {
            cookies: (!cookies.is_empty()).then(|| cookies.into()),
            origin: origin.map(Into::into),
            body: Body::Read(Zeroizing::new(body.as_bytes().to_vec())),
            ..raw(method, target)
        };
        // On the heap: a story that sends a hundred of them has no room for each on its stack.
        let response = Box::pin(answer(self.services.clone(), raw)).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        whatever_was_denied_leads_to_its_why(target, &text);
        Page { status: response.status, headers: response.headers, text }
    }

    async fn get(&self, target: &str, cookies: &str) -> Page {
        self.send("GET", target, cookies, None, "").await
    }

    /// A form as our own page sends it.
    async fn post(&self, target: &str, cookies: &str, token: &str) -> Page {
        self.send("POST", target, cookies, Some(BASE), &format!("csrf_token={token}")).await
    }

    async fn sign_in(&self, who: &str) -> String {
        let begun = self.get("/auth/dev/start", "").await.cookie("__Host-sign-in").unwrap();
        let back = self.get(&format!("/auth/callback?state=s1&code={who}"), &begun).await;
        assert_eq!((back.status, back.header("location")), (303, Some("/vaults")));
        back.cookie("__Host-session").unwrap()
    }

    fn log(&self) -> Vec<Record> {
        self.world.store.image().log.into_iter().map(|logged| logged.record).collect()
    }

    fn last(&self) -> Record {
        self.log().pop().unwrap()
    }

    /// The last denial. Behind it stands what its page showed besides.
    fn last_denied(&self) -> Record {
        self.log().into_iter().rfind(|record| record.outcome == Outcome::Denied).unwrap()
    }
}
