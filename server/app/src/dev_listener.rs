//! The development identity provider on a socket: loopback only, TLS with the private CA, a page to
//! pick a sample person. Never started by `serve`.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::header,
    web::{self, Bytes, Data},
};
use askama::Template;
use strongroom_crypto::SystemEntropy;
use strongroom_domain::time::Clock;
use strongroom_identity::dev_provider::{Authorize, DevProvider, Person, RequestRefused};

/// Longest form that is read.
const MAX_FORM: usize = 16 * 1024;

struct Desk {
    provider: DevProvider,
    clock: Arc<dyn Clock>,
    /// `127.0.0.1:PORT`: a request under another name comes from a page that has no business here.
    authority: String,
    /// Where forms may lead.
    dashboard: String,
}

/// Serves the provider. The listener must be bound to loopback.
pub(crate) fn serve(
    provider: DevProvider,
    clock: Arc<dyn Clock>,
    dashboard: &str,
    listener: TcpListener,
    tls: rustls::ServerConfig,
) -> anyhow::Result<Server> {
    let address = listener.local_addr()?;
    anyhow::ensure!(address.ip().is_loopback(), "the development identity provider listens on loopback only");
    let desk = Data::new(Desk { provider, clock, authority: address.to_string(), dashboard: dashboard.to_owned() });
    Ok(HttpServer::new(move || {
        App::new()
            .app_data(desk.clone())
            .app_data(web::PayloadConfig::new(MAX_FORM))
            .route("/.well-known/openid-configuration", web::get().to(discovery))
            .route("/jwks", web::get().to(jwks))
            .route("/authorize", web::get().to(authorize))
            .route("/authorize", web::post().to(choose))
            .route("/token", web::post().to(token))
    })
    .workers(1)
    .client_request_timeout(Duration::from_secs(10))
    .disable_signals()
    .listen_rustls_0_23(listener, tls)?
    .run())
}

/// Refuses what is not addressed to the provider itself or does not come from this machine.
fn refused(desk: &Desk, request: &HttpRequest) -> Option<HttpResponse> {
    let local = request.peer_addr().is_some_and(|peer| peer.ip().is_loopback());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let admitted = local && host == Some(desk.authority.as_str());
    (!admitted)
        .then(|| HttpResponse::Forbidden().body("The development identity provider answers this machine only.\n"))
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

async fn discovery(desk: Data<Desk>, request: HttpRequest) -> HttpResponse {
    refused(&desk, &request).unwrap_or_else(|| HttpResponse::Ok().json(desk.provider.discovery()))
}

async fn jwks(desk: Data<Desk>, request: HttpRequest) -> HttpResponse {
    refused(&desk, &request).unwrap_or_else(|| HttpResponse::Ok().json(desk.provider.jwks()))
}

async fn authorize(desk: Data<Desk>, request: HttpRequest) -> HttpResponse {
    if let Some(refused) = refused(&desk, &request) {
        return refused;
    }
    answer(&desk, desk.provider.authorize(pairs(request.query_string().as_bytes())))
}

async fn choose(desk: Data<Desk>, request: HttpRequest, form: Bytes) -> HttpResponse {
    if let Some(refused) = refused(&desk, &request) {
        return refused;
    }
    answer(&desk, desk.provider.choose(pairs(&form), desk.clock.now_millis(), &SystemEntropy))
}

async fn token(desk: Data<Desk>, request: HttpRequest, form: Bytes) -> HttpResponse {
    if let Some(refused) = refused(&desk, &request) {
        return refused;
    }
    match desk.provider.token(pairs(&form), desk.clock.now_millis(), &SystemEntropy) {
        Ok(tokens) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("application/json")
            .body(tokens.to_json().to_vec()),
        Err(error) => {
            let status = actix_web::http::StatusCode::from_u16(error.status())
                .unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
            HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(error.body())
        }
    }
}

fn answer(desk: &Desk, outcome: Result<Authorize, RequestRefused>) -> HttpResponse {
    match outcome {
        Ok(Authorize::Redirect(to)) => {
            HttpResponse::SeeOther().insert_header((header::LOCATION, to.to_string())).finish()
        }
        Ok(Authorize::Pick(page)) => {
            let fields = page.request.fields();
            let picker = Picker { people: page.people, fields };
            match picker.render() {
                Ok(html) => HttpResponse::Ok()
                    .insert_header((header::CACHE_CONTROL, "no-store"))
                    .insert_header((header::X_FRAME_OPTIONS, "DENY"))
                    .insert_header((header::REFERRER_POLICY, "no-referrer"))
                    .insert_header((
                        header::CONTENT_SECURITY_POLICY,
                        format!(
                            "default-src 'none'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
                            desk.dashboard
                        ),
                    ))
                    .content_type("text/html; charset=utf-8")
                    .body(html),
                Err(_) => HttpResponse::InternalServerError().finish(),
            }
        }
        Err(refused) => HttpResponse::BadRequest().body(format!("{refused}\n")),
    }
}

/// The page: plain HTML, no style, no script; it is not part of the product.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Development sign-in</title>
</head>
<body>
<main>
<h1>Who do you want to be?</h1>
<p>This is the development identity provider. Nobody here has a password.</p>
<form method="post" action="/authorize">
{% for (name, value) in fields %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}{% for person in people %}<p><button name="person" value="{{ person.id }}">{{ person.name }}</button>
{% if person.groups.is_empty() %}in no group{% else %}in {{ person.groups.join(", ") }}{% endif %}</p>
{% endfor %}</form>
</main>
</body>
</html>
"#
)]
struct Picker<'a> {
    people: &'static [Person],
    fields: Vec<(&'static str, &'a str)>,
}
