//! The command line's ear on loopback (RFC 8252, section 7.3): waits for the browser to bring an answer back.
//!
//! Listens on 127.0.0.1 alone, for one answer with the right `state` and from the right server, and then no more.
//! Must never write what it hears anywhere.

use std::{sync::Mutex, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, bail};
use strongroom_crypto::SecretText;
use strongroom_domain::entrance::command_line::LOOPBACK_PATH;
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);

type Heard = Result<SecretText, &'static str>;

struct Ear {
    state: String,
    issuer: String,
    heard: Mutex<Option<oneshot::Sender<Heard>>>,
}

/// A listener that waits.
pub(crate) struct Loopback {
    listener: std::net::TcpListener,
    /// Where the browser is to come back to.
    pub(crate) redirect_uri: String,
}

impl Loopback {
    /// Takes a free port.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).context("nothing can be listened on at 127.0.0.1")?;
        let redirect_uri = format!("http://{}{LOOPBACK_PATH}", listener.local_addr()?);
        Ok(Self { listener, redirect_uri })
    }

    /// Waits for the code.
    pub(crate) async fn code(self, state: &str, issuer: &str) -> anyhow::Result<SecretText> {
        let (sender, heard) = oneshot::channel();
        let ear = Ear { state: state.to_owned(), issuer: issuer.to_owned(), heard: Mutex::new(Some(sender)) };
        let ear = web::Data::new(ear);
        let server =
            HttpServer::new(move || App::new().app_data(ear.clone()).route(LOOPBACK_PATH, web::get().to(answer)))
                .workers(1)
                .disable_signals()
                .shutdown_timeout(1)
                .listen(self.listener)?
                .run();
        let handle = server.handle();
        tokio::spawn(server);
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        // Graceful: the browser gets its page.
        handle.stop(true).await;
        match heard {
            Ok(Ok(Ok(code))) => Ok(code),
            Ok(Ok(Err(why))) => bail!("{why}"),
            Ok(Err(_)) => bail!("the listener ended by itself"),
            Err(_) => bail!("nobody answered in the browser within ten minutes"),
        }
    }
}

fn page(status: u16, title: &str, sentence: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status)
        .insert_header(("content-type", "text/html; charset=utf-8"))
        .insert_header(("content-security-policy", "default-src 'none'; img-src data:; frame-ancestors 'none'"))
        .insert_header(("cache-control", "no-store"))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("connection", "close"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\"><title>{title}</title><main><h1>{title}</h1><p>{sentence}</p></main></html>"
        ))
}

/// Others may find the port: what does not carry the state changes nothing.
async fn answer(ear: web::Data<Ear>, query: web::Query<Vec<(String, String)>>) -> HttpResponse {
    let only = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    };
    let ours = only("state").is_some_and(|state| bool::from(state.as_bytes().ct_eq(ear.state.as_bytes())));
    if !ours || only("iss") != Some(ear.issuer.as_str()) {
        return page(400, "Not this sign-in", "This answer belongs to another sign-in. Run strongroom login again.");
    }
    let heard = match (only("code"), only("error")) {
        (Some(code), None) => Ok(SecretText::new(code.to_owned())),
        (None, Some(_)) => Err("it was refused in the browser"),
        _ => Err("the browser brought neither a code nor a refusal"),
    };
    let shown = match &heard {
        Ok(_) => page(200, "Signed in", "The command line goes on. You can close this window."),
        Err(_) => page(200, "Not signed in", "The command line does not act as you. You can close this window."),
    };
    let sender = ear.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    match sender {
        Some(sender) => {
            let _ = sender.send(heard);
            shown
        }
        None => page(400, "Not this sign-in", "This sign-in was answered already."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(uri: &str, query: &str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("{uri}{query}")).send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn only_the_answer_with_the_state_and_the_server_counts() {
        let loopback = Loopback::open().unwrap();
        let uri = loopback.redirect_uri.clone();
        let waiting = tokio::spawn(async move { loopback.code("s1", "https://vault.example").await });
        let iss = "iss=https%3A%2F%2Fvault.example";
        for strange in [
            String::new(),
            format!("?code=evil&state=s2&{iss}"),
            "?code=evil&state=s1".to_owned(),
            "?code=evil&state=s1&iss=https%3A%2F%2Fevil.example".to_owned(),
            format!("?code=evil&state=s1&state=s1&{iss}"),
        ] {
            assert_eq!(ask(&uri, &strange).await, 400, "{strange}");
        }
        assert_eq!(ask(&uri, &format!("?code=good&state=s1&{iss}")).await, 200);
        assert_eq!(waiting.await.unwrap().unwrap().expose(), "good");
    }

    #[tokio::test]
    async fn a_refusal_is_told() {
        let loopback = Loopback::open().unwrap();
        let uri = loopback.redirect_uri.clone();
        let waiting = tokio::spawn(async move { loopback.code("s1", "i").await });
        assert_eq!(ask(&uri, "?error=access_denied&state=s1&iss=i").await, 200);
        let error = waiting.await.unwrap().err().unwrap().to_string();
        assert!(error.contains("refused"), "{error}");
    }
}
