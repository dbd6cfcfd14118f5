//! The setup of an installation that nobody owns yet: one form, for whoever has the code of the server's own terminal.
//! Where there is nothing to set up there is no such page. Neither the code nor a client secret is ever sent back.

use strongroom_crypto::SecretText;
use strongroom_domain::setup::{FirstProvider, SetupError};
use strongroom_web::{Field, FieldKind, Form, SetupPage, say};

use super::{
    form::{self, SHORT, Sent},
    frame, links, redirect, rendered,
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// What the form sends back. Nobody has a session to bind it to: the code is what a foreign page cannot know.
const TOKEN: &str = "setup";

/// Whether the installation waits for being set up.
///
/// # Errors
/// 503 when the store cannot say.
pub(super) async fn is_open(services: &Services, now: i64) -> Result<bool, Problem> {
    Ok(services.setup.is_open(&services.admin, now).await?)
}

/// GET /setup
///
/// # Errors
/// 404 when nothing is to be set up; 503 when the store cannot say.
pub(super) async fn page(services: &Services, call: &Call) -> Result<Response, Problem> {
    if !is_open(services, call.ctx.now).await? {
        return Err(SetupError::Closed.into());
    }
    Ok(rendered(200, form(services, None, None).render()))
}

/// POST /setup
///
/// # Errors
/// 403 for a form that is not ours; 404 when nothing is to be set up; 503 when it cannot be recorded. What was not
/// right is the form with a sentence.
pub(super) async fn finish(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let sent = form::accept(request, services.addresses.base(), TOKEN, SHORT)?;
    let secret = sent.secret("client_secret");
    let secret = Some(secret.expose().trim()).filter(|text| !text.is_empty());
    let provider = FirstProvider {
        name: sent.text("name").to_owned(),
        label: sent.text("label").to_owned(),
        issuer: sent.text("issuer").to_owned(),
        client_id: sent.text("client_id").to_owned(),
        client_secret: secret.map(|text| SecretText::new(text.to_owned())),
        groups_claim: sent.given("groups_claim"),
    };
    let setup = &services.setup;
    let done = setup.finish(&services.admin, &call.ctx, &sent.secret("code"), provider, sent.text("subject")).await;
    let (status, reason, sentence) = match done {
        Ok(()) => return Ok(redirect(links::SIGN_IN.to_owned())),
        Err(SetupError::Code) => (401, "setup-code-invalid", say!("setup-this-is-not-the-code").to_owned()),
        Err(SetupError::Invalid(sentence)) => {
            (400, "setup-invalid", say!("setup-sentence-nothing-was-set-up", sentence = sentence))
        }
        Err(SetupError::Provider(error)) => (502, error.reason(), say!("setup-no-openid-provider-of-this").to_owned()),
        Err(other) => return Err(other.into()),
    };
    Ok(Response { reason, ..rendered(status, form(services, Some(&sent), Some(sentence)).render()) })
}

fn form(services: &Services, sent: Option<&Sent>, error: Option<String>) -> SetupPage {
    let typed = |name: &str, otherwise: &str| sent.map_or(otherwise, |sent| sent.text(name)).to_owned();
    let back = format!("{}{}", services.addresses.base(), links::CALLBACK);
    let out = format!("{}{}", services.addresses.base(), links::SIGNED_OUT);
    let fields = vec![
        Field::line("code", say!("setup-setup-code"), "", 64)
            .required()
            .hint(say!("setup-from-the-servers-own-terminal")),
        Field::line("label", say!("setup-name-on-the-button"), typed("label", ""), 64).required(),
        Field::line("name", say!("setup-name-in-addresses"), typed("name", "corp"), 32)
            .required()
            .hint(say!("setup-lower-case-letters-digits-and")),
        Field::line("issuer", say!("setup-issuer"), typed("issuer", ""), 1024)
            .required()
            .hint(say!("setup-letter-for-letter-as-the")),
        Field::line("client_id", say!("setup-client-id"), typed("client_id", ""), 256).required().hint(say!(
            "setup-register-back-there-as-redirect",
            back = back,
            out = out
        )),
        Field::new("client_secret", say!("setup-client-secret"), FieldKind::Secret)
            .hint(say!("setup-none-for-a-public-client")),
        Field::line("groups_claim", say!("setup-claim-that-names-groups"), typed("groups_claim", ""), 256),
        Field::line("subject", say!("setup-first-administrator"), typed("subject", ""), 255)
            .required()
            .hint(say!("setup-the-subject-sub-that-the")),
    ];
    SetupPage {
        host: frame::host(services).to_owned(),
        form: Form {
            action: links::SETUP.to_owned(),
            csrf_token: Some(TOKEN.to_owned()),
            fields,
            submit: say!("setup-set-up-once-and-for").to_owned(),
            error,
            ..Form::default()
        },
    }
}
