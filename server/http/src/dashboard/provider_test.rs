//! POST /settings/providers/{provider}/test: how a sign-in provider answers now, before somebody cannot sign in: its
//! discovery document, its keys, its clock, and what has to be registered there. Nobody is sent anywhere, no session
//! comes of it, and nothing of the answer counts.

use strongroom_domain::{
    record::{Outcome, Record},
    sign_in::{ProviderLook, ProviderTold, SignInError},
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Tone, say};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    links, rendered, sign_in,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What records call it.
const TEST: &str = "SignInProviderTest";
/// How far two clocks may differ, in seconds: as tokens are judged.
const CLOCKS_DIFFER: i64 = 60;

/// # Errors
/// 403 for a form that is not ours; the gate's denial; 404 for a provider that is not configured.
pub(super) async fn test(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    // Who may see the settings may see how those answer that they name.
    viewer.services.admin.token_keys(&viewer.further()?).await?;
    let id = viewer.call.parameter(0);
    let provider = viewer.services.sign_in.providers().into_iter().find(|provider| provider.id == id);
    let provider = provider.ok_or_else(Problem::no_route)?;
    let look = match viewer.services.sign_in.look(id, viewer.call.ctx.now).await {
        Ok(look) => look,
        Err(error @ SignInError::UnknownProvider) => {
            return Err(Problem { reason: error.reason(), ..Problem::no_route() }.into());
        }
        Err(error) => return Err(Problem { reason: error.reason(), ..Problem::internal() }.into()),
    };
    let ctx = &viewer.call.ctx;
    let mut record = Record::of(ctx, TEST);
    record.status = Some(200);
    record.outcome = Outcome::Allowed;
    record.object = Some(id.to_owned());
    "ok".clone_into(&mut record.reason);
    viewer.services.recorder.note(ctx, record).await.map_err(Problem::from)?;
    let base = viewer.services.addresses.base();
    let registered = vec![
        Fact::code(say!("provider-test-redirect-address"), sign_in::redirect_address(viewer.services, id)),
        Fact::code(say!("provider-test-back-channel-logout"), links::back_channel_logout(base, id)),
        Fact::code(say!("provider-test-after-logout"), format!("{base}{}", links::SIGNED_OUT)),
    ];
    let page = PanelsPage {
        lead: Some(say!("provider-test-it-was-asked-just-now").to_owned()),
        acts: vec![
            Act::link(say!("provider-test-settings"), links::SETTINGS, Icon::Undo),
            Act::link(
                say!("provider-test-sign-in-there"),
                links::sign_in_start(id, &links::ReturnTo::default()),
                Icon::Try,
            ),
        ],
        main: vec![
            Panel::new(say!("provider-test-what-it-answers"), Body::Facts(answers(&look))),
            Panel::new(say!("provider-test-to-register-there"), Body::Facts(registered)),
        ],
        aside: vec![snippets::panel(vec![
            Commands::of_installation(viewer.services)
                .server("token keys list")
                .labelled(say!("provider-test-keys-of-this-installation")),
            strongroom_web::Snippet::new("curl", format!("curl \"{}\"", look.discovery_uri)),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Installation.below(provider.name.clone())).await,
            headline(&provider.name, &look),
        )
    };
    Ok(rendered(200, page.render()))
}

fn is_well(look: &ProviderLook) -> bool {
    look.discovery.as_ref().is_ok_and(|told| told.authorization_endpoint.is_some() && told.token_endpoint.is_some())
        && look.keys.is_ok()
        && look.clock_ahead.is_none_or(|ahead| ahead.abs() <= CLOCKS_DIFFER)
}

fn headline(name: &str, look: &ProviderLook) -> String {
    if is_well(look) {
        say!("provider-test-name-answers-as-it-should", name = name)
    } else {
        say!("provider-test-name-does-not-answer-as", name = name)
    }
}

fn answers(look: &ProviderLook) -> Vec<Fact> {
    let bad = |why: &str| Cell::Badge {
        tone: Tone::Bad,
        icon: Icon::Failed,
        text: say!("provider-test-no").to_owned(),
        small: Some(why.to_owned()),
    };
    let good = |text: String| Cell::badge(Tone::Good, Icon::Check, &text);
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let mut facts = vec![
        Fact::code(say!("provider-test-asked-at"), look.discovery_uri.clone()),
        Fact::moment(say!("provider-test-when"), Some(view::moment_millis(look.at)), ""),
    ];
    let missing = || bad(say!("provider-test-the-document-does-not-name"));
    match &look.discovery {
        Err(why) => facts.push(fact(say!("provider-test-discovery"), bad(why))),
        Ok(ProviderTold { authorization_endpoint, token_endpoint, jwks_uri, end_session_endpoint }) => {
            facts.push(fact(say!("provider-test-discovery"), good(say!("provider-test-of-this-issuer").to_owned())));
            for (name, address) in [
                (say!("provider-test-people-are-sent-to"), authorization_endpoint),
                (say!("provider-test-codes-are-redeemed-at"), token_endpoint),
            ] {
                facts.push(fact(name, address.clone().map_or_else(missing, Cell::Code)));
            }
            facts.push(Fact::code(say!("provider-test-keys-are-at"), jwks_uri.clone()));
            let none = || Cell::None(say!("provider-test-not-offered").to_owned());
            let end = end_session_endpoint.clone().map_or_else(none, Cell::Code);
            facts.push(fact(say!("provider-test-sessions-end-at"), end));
        }
    }
    facts.push(fact(
        say!("provider-test-keys"),
        match &look.keys {
            Ok(count) => good(say!("provider-test-count-can-be-verified-with", count = count)),
            Err(why) => bad(why),
        },
    ));
    facts.push(fact(
        say!("provider-test-clock"),
        match look.clock_ahead {
            None => Cell::None(say!("provider-test-not-told").to_owned()),
            Some(ahead) if ahead.abs() <= CLOCKS_DIFFER => {
                good(say!("provider-test-seconds-from-this-one", seconds = ahead))
            }
            Some(ahead) => bad(&say!("provider-test-seconds-from-this-one", seconds = ahead)),
        },
    ));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_late_is_no_good_answer() {
        let told = ProviderTold {
            authorization_endpoint: Some("https://idp.example/authorize".into()),
            token_endpoint: Some("https://idp.example/token".into()),
            jwks_uri: "https://idp.example/keys".into(),
            end_session_endpoint: None,
        };
        let look = ProviderLook {
            at: 1,
            discovery_uri: "https://idp.example/.well-known/openid-configuration".into(),
            discovery: Ok(told.clone()),
            keys: Ok(2),
            clock_ahead: Some(-3),
        };
        assert!(is_well(&look) && is_well(&ProviderLook { clock_ahead: None, ..look.clone() }));
        for other in [
            ProviderLook { discovery: Err("no answer".into()), ..look.clone() },
            ProviderLook { discovery: Ok(ProviderTold { token_endpoint: None, ..told }), ..look.clone() },
            ProviderLook { keys: Err("the key set holds no usable key".into()), ..look.clone() },
            ProviderLook { clock_ahead: Some(61), ..look.clone() },
        ] {
            assert!(!is_well(&other), "{other:?}");
            assert!(format!("{:?}", answers(&other)).contains("Failed"), "{other:?}");
        }
    }
}
