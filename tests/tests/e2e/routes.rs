//! No route escapes: the whole table is walked without authority, and again with a token that was
//! granted nothing.

use std::{collections::BTreeSet, process::Command};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, TestVault, binary, client_certificate, run_to_end};

/// What anybody may ask without showing anything. This list may only shrink; whoever makes it longer
/// explains in the change why nobody learns or does anything by it.
const PUBLIC: [&str; 20] = [
    "base GET /assets/{file}",
    "base GET /auth/callback",
    // The same for each provider of several; only a sign-in of this browser that went out with it is finished there.
    "base GET /auth/{provider}/callback",
    "base GET /auth/{provider}/start",
    "base GET /healthz",
    // Only what every 401 says too: the base address and the tenant.
    "base GET /crl/{vault}/{authority}/{list}",
    "base GET /metadata/endpoints",
    "base GET /readyz",
    // Not there but in an installation that nobody owns yet; then only for whoever has the code of its own terminal.
    "base GET /setup",
    "base POST /setup",
    "base GET /sign-in",
    "base GET /signed-out",
    "base POST /auth/{provider}/back-channel-logout",
    "base GET /{tenant}/.well-known/openid-configuration",
    "base GET /{tenant}/discovery/keys",
    "base GET /{tenant}/discovery/v2.0/keys",
    "base GET /{tenant}/v2.0/.well-known/openid-configuration",
    // Like the token endpoint: whoever has a code that a person allowed a minute ago, and the verifier behind it.
    "base POST /api/v1/session",
    "base POST /{tenant}/oauth2/token",
    "base POST /{tenant}/oauth2/v2.0/token",
];

struct Route {
    site: String,
    method: Method,
    path: String,
    access: String,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {} {}", self.site, self.method, self.path)
    }

    /// A request that would succeed with authority: about things that are there.
    fn ask(&self, vault: &TestVault, version: &str) -> Ask {
        let path = self.path.replace("{vault}", "demo").replace("{name}", "walked").replace("{version}", version);
        // The whole vault, written with the slash of its own that Azure's packages write.
        let path = path.replace("{scope}", "").replace("{id}", "00000000-0000-4000-8000-000000000001");
        let path = path
            .replace("{node}", "node-1")
            .replace("{client_id}", &vault.app().id)
            .replace("{credential}", &vault.app().id)
            .replace("{where}", "demo")
            .replace("{attachment}", "walked")
            .replace("{digest}", &"00".repeat(32))
            .replace("{document}", "walked")
            .replace("{provider}", "dev")
            .replace("{session}", "0011223344556677");
        // Whom a deletion is about stands in the query.
        let whom = self.method == Method::DELETE && path.ends_with("/access-policies");
        let path = if whom { format!("{path}?issuer=https://i.example&subject=s") } else { path };
        assert!(!path.contains('{'), "{path}: a new parameter needs a value here");
        let ask = match self.site.as_str() {
            "vault" => vault.ask(self.method.clone(), &path),
            "base" => vault.ask_base(self.method.clone(), &path),
            other => panic!("{other} is not a host that this test knows"),
        };
        if [Method::PUT, Method::POST, Method::PATCH].contains(&self.method) { ask.json(&self.body()) } else { ask }
    }

    fn body(&self) -> Value {
        match self.path.as_str() {
            "/api/v1/vaults" => json!({ "name": "walked" }),
            "/api/v1/vaults/{vault}" => json!({ "tags": { "changed": "yes" } }),
            "/api/v1/assignments" => {
                json!({ "issuer": "https://i.example", "subject": "s", "role": "Owner", "scope": "/" })
            }
            "/api/v1/workloads" => json!({ "name": "walked" }),
            path if path.starts_with("/api/v1/vaults/{vault}/approvals/") => json!({}),
            "/api/v1/policies" | "/api/v1/vaults/{vault}/replays" => json!({ "policies": [] }),
            "/api/v1/vaults/{vault}/replays/{id}/reviews" => json!({ "groups": [1] }),
            "/api/v1/vaults/{vault}/why" => json!({
                "principal": { "issuer": "https://i.example", "subject": "s" }, "operation": "SecretList",
            }),
            "/api/v1/policy-documents/{document}" => json!({ "text": "walked" }),
            "/api/v1/sessions/end" => json!({ "issuer": "i", "subject": "s" }),
            "/api/v1/token/explain" => json!({ "token": "a.b.c" }),
            "/api/v1/session" => json!({ "code": "x", "code_verifier": "x", "redirect_uri": "x" }),
            "/api/v1/workloads/{client_id}" => json!({ "enabled": false }),
            "/api/v1/workloads/{client_id}/secrets" => json!({}),
            "/api/v1/workloads/{client_id}/certificates" => json!({ "certificate": client_certificate().0 }),
            "/api/v1/workloads/{client_id}/federations" => {
                json!({ "issuer": "https://ci.example", "subject": "s", "audience": "a" })
            }
            path if path.ends_with("/roleAssignments/{id}") => json!({ "properties": {
                "principalId": "https://i.example#s", "roleDefinitionId": "4633458b-17de-408a-b874-0445c86b69e6",
            } }),
            path if path.ends_with("/roleDefinitions/{id}") => {
                json!({ "properties": { "roleName": "walked", "permissions": [{ "dataActions": ["*"] }] } })
            }
            "/api/v1/roles" | "/api/v1/roles/{id}" => {
                json!({ "name": "walked", "data_actions": ["*"], "assignable_scopes": ["/"] })
            }
            "/api/v1/vaults/{vault}/access-policies" => {
                json!({ "issuer": "https://i.example", "subject": "s", "permissions": { "secrets": ["get"] } })
            }
            "/keys/{name}/create" => json!({ "kty": "EC" }),
            "/keys/{name}" if self.method == Method::PUT => {
                json!({ "key": { "kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw" } })
            }
            "/rng" => json!({ "count": 8 }),
            "/certificates/contacts" => json!({ "contacts": [{ "email": "ops@app.example" }] }),
            "/certificates/issuers/{name}" => {
                json!({ "provider": "Strongroom-CA", "org_details": { "id": "walked" } })
            }
            "/certificates/{name}/create" => json!({ "policy": { "x509_props": { "subject": "CN=walked" } } }),
            "/certificates/{name}/import" => json!({ "value": "AAAA" }),
            "/certificates/{name}/pending" => json!({ "cancellation_requested": true }),
            "/certificates/{name}/revoke" => json!({ "serial": "0a" }),
            "/certificates/{name}/pending/merge" => json!({ "x5c": [client_certificate().0] }),
            path if path.starts_with("/keys/{name}/{version}/") => {
                let alg = if path.ends_with("/sign") || path.ends_with("/verify") { "ES256" } else { "RSA-OAEP" };
                json!({ "alg": alg, "value": "AAAA", "digest": "AAAA" })
            }
            _ => json!({ "value": "changed" }),
        }
    }
}

fn table() -> Vec<Route> {
    let output = run_to_end(Command::new(binary()).arg("routes"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let route = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        let part = |name: &str| row[name].as_str().expect("text").to_owned();
        let method = Method::from_bytes(part("method").as_bytes()).expect("a method");
        Route { site: part("site"), method, path: part("path"), access: part("access") }
    };
    let routes: Vec<_> = String::from_utf8(output.stdout).expect("text").lines().map(route).collect();
    assert!(routes.len() > 30, "the table is all there");
    routes
}

async fn furnished() -> (TestVault, String) {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    let bundle = vault.set(&app, "walked", "walked-value").await;
    let version = bundle["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    (vault, version)
}

#[test]
fn the_list_of_public_routes_only_shrinks() {
    let public: BTreeSet<String> = table().iter().filter(|r| r.access == "public").map(Route::name).collect();
    let allowed: BTreeSet<String> = PUBLIC.map(str::to_owned).into();
    assert_eq!(public.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new(), "public, and not allowed to be");
    assert_eq!(allowed.difference(&public).collect::<Vec<_>>(), Vec::<&String>::new(), "allowed for nothing");
}

#[tokio::test]
async fn without_authority_every_other_route_leads_to_a_way_in() {
    let (vault, version) = furnished().await;
    let challenge = format!("Bearer authorization=\"{}/{}\", resource=\"{}\"", vault.base, vault.tenant(), vault.base);
    let closed = |answer: &Answer, route: &Route| {
        let name = route.name();
        match route.access.as_str() {
            "bearer" => {
                assert_eq!(answer.problem(), "401 Unauthorized", "{name}");
                assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{name}");
            }
            "session" => {
                assert_eq!(answer.status, 303, "{name}");
                let location = answer.header("location").unwrap_or_default();
                assert!(location == "/sign-in" || location.starts_with("/sign-in?"), "{name}: {location}");
                assert_eq!(answer.header("set-cookie"), None, "{name}");
            }
            other => panic!("{name} asks for {other}, which this test does not know"),
        }
        assert!(!answer.text().contains("walked-value"), "{name}");
    };
    for route in table().iter().filter(|route| route.access != "public") {
        closed(&route.ask(&vault, &version).send().await, route);
        // What is not a credential is none: a session's cookie on the API, a token on the pages.
        let cookie = route.ask(&vault, &version).header("cookie", "__Host-session=AAAA; session=AAAA");
        closed(&cookie.send().await, route);
    }
    let app = vault.token(&vault.app()).await;
    for route in table().iter().filter(|route| route.access == "session") {
        closed(&route.ask(&vault, &version).bearer(&app).send().await, route);
    }
    assert_eq!(vault.get(&app, "walked").await.expect(200).json()["value"], "walked-value", "and nothing has happened");
}

#[tokio::test]
async fn a_token_that_was_granted_nothing_opens_nothing() {
    let (vault, version) = furnished().await;
    let (nobody, operator) = (vault.token(&vault.nobody()).await, vault.token(&vault.operator()).await);
    for route in table().iter().filter(|route| route.access == "bearer") {
        let name = route.name();
        let answer = route.ask(&vault, &version).bearer(&nobody).send().await;
        if ["/api/v1/vaults", "/api/v1/deletedvaults"].contains(&route.path.as_str()) && route.method == Method::GET {
            assert_eq!(answer.json(), json!({ "value": [] }), "{name}: a list of what one may see");
        } else if route.path == "/api/v1/session" && route.method == Method::GET {
            assert_eq!(answer.json()["subject"], json!(vault.nobody().id), "{name}: who one is oneself");
        } else if route.path == "/api/v1/session" {
            assert_eq!(answer.problem(), "400 BadParameter", "{name}: a token of no session");
        } else if ["/subscriptions", "/tenants"].contains(&route.path.as_str()) {
            // What every 401 says too: the installation's id. A disabled workload does not get that far.
            assert_eq!(answer.json()["value"][0]["tenantId"], json!(vault.tenant()), "{name}");
            assert_eq!(vault.record_of(&operator, &answer).await["outcome"], "allowed", "{name}");
        } else {
            assert_eq!(answer.problem(), "403 Forbidden/ForbiddenByRbac", "{name}");
            assert_eq!(vault.record_of(&operator, &answer).await["outcome"], "denied", "{name}");
        }
    }
    let app = vault.token(&vault.app()).await;
    assert_eq!(vault.get(&app, "walked").await.expect(200).json()["value"], "walked-value", "and nothing has happened");
}

/// Public routes of the base host answer nothing that depends on what is stored.
#[tokio::test]
async fn what_is_not_in_the_table_is_not_there() {
    let (vault, _) = furnished().await;
    for path in ["/api/v2/vaults", "/secrets/walked", "/.env", "/assets/../root.key", "/assets/nothing.js", "/x"] {
        let answer = vault.ask_base(Method::GET, path).send().await;
        assert!([401, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("walked-value"), "{path}");
    }
}
