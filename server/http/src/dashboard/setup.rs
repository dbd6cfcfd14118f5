//! The setup of an installation that nobody owns yet: one form, for whoever has the code of the server's own terminal.
//! Where there is nothing to set up there is no such page. Neither the code nor a client secret is ever sent back.

use strongroom_crypto::SecretText;
use strongroom_domain::setup::{FirstProvider, SetupError};
use strongroom_web::{Field, FieldKind, Form, SetupPage};

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
        Err(SetupError::Code) => (
            401,
            "setup-code-invalid",
            "This is not the code that the terminal showed last, or its half hour is over. Nothing was set up."
                .to_owned(),
        ),
        Err(SetupError::Invalid(sentence)) => (400, "setup-invalid", format!("{sentence} Nothing was set up.")),
        Err(SetupError::Provider(error)) => (
            502,
            error.reason(),
            "No OpenID provider of this issuer answered with its keys and its addresses. Nothing was set up, and the \
             code still counts."
                .to_owned(),
        ),
        Err(other) => return Err(other.into()),
    };
    Ok(Response { reason, ..rendered(status, form(services, Some(&sent), Some(sentence)).render()) })
}

fn form(services: &Services, sent: Option<&Sent>, error: Option<String>) -> SetupPage {
    let typed = |name: &str, otherwise: &str| sent.map_or(otherwise, |sent| sent.text(name)).to_owned();
    let back = format!("{}{}", services.addresses.base(), links::CALLBACK);
    let out = format!("{}{}", services.addresses.base(), links::SIGNED_OUT);
    let fields = vec![
        Field::line("code", "Setup code", "", 64).required().hint(
            "From the server's own terminal: strongroom setup-code shows one, which counts once and for half an hour.",
        ),
        Field::line("label", "Name on the button", typed("label", ""), 64).required(),
        Field::line("name", "Name in addresses", typed("name", "corp"), 32)
            .required()
            .hint("Lower-case letters, digits, - and _."),
        Field::line("issuer", "Issuer", typed("issuer", ""), 1024).required().hint(
            "Letter for letter as the provider's tokens say it. It is asked for its keys before anything is stored.",
        ),
        Field::line("client_id", "Client id", typed("client_id", ""), 256)
            .required()
            .hint(format!("Register {back} there as redirect address, and {out} as address after logout.")),
        Field::new("client_secret", "Client secret", FieldKind::Secret).hint("None for a public client."),
        Field::line("groups_claim", "Claim that names groups", typed("groups_claim", ""), 256),
        Field::line("subject", "First administrator", typed("subject", ""), 255)
            .required()
            .hint("The subject (sub) that the provider gives this person, letter for letter."),
    ];
    SetupPage {
        host: frame::host(services).to_owned(),
        form: Form {
            action: links::SETUP.to_owned(),
            csrf_token: Some(TOKEN.to_owned()),
            fields,
            submit: "Set up, once and for all".to_owned(),
            error,
            ..Form::default()
        },
    }
}
