//! A token that somebody has at hand, tried against the federations of a workload before an app relies on it. It is in no
//! answer, no record and no log line, and nothing is exchanged for it.

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use serde_json::Value;
use strongroom_crypto::SecretText;
use strongroom_domain::{
    action::Action,
    gate::Ask,
    identity::{Federation, Workload},
    sign_in::{CheckState, TokenCheck, TokenExplanation},
};
use strongroom_web::{Body, Cell, Field, FieldKind, Form, Icon, Panel, Row, Table, Tone, say};
use zeroize::Zeroizing;

use super::workloads;
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::Viewer,
        links,
        offers::Offers,
    },
    message::{Request, Response},
};

/// POST /access/workloads/{client_id}/try-token
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the workload cannot be shown.
pub(crate) async fn test(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let client_id = workloads::client_id(viewer)?;
    let token = SecretText::new(sent.secret("token").expose().trim().to_owned());
    let (admin, credentials) = (&viewer.services.admin, &*viewer.services.entrance.credentials);
    let explained = admin.explain_assertion(&viewer.call.ctx, credentials, client_id, &token).await?;
    let workload = admin.show_workload(&viewer.further()?, client_id).await?;
    let said = Said::of(&token);
    drop(token);
    let mut panels = vec![verdict(&explained)];
    panels.extend(said.map(|said| fitting(&workload, &said)));
    Ok(workloads::page(viewer, &workload, None, panels).await)
}

/// The form, for who may have tokens explained.
pub(super) async fn form(viewer: &Viewer<'_>, workload: &Workload, offers: &mut Offers<'_>) -> Option<Panel> {
    if !offers.open(&Ask::server(Action::TokenExplain), say!("access-try-token-test-a-token")).await {
        return None;
    }
    let form = Form {
        action: format!("{}/try-token", links::workload(workload.client_id)),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::new("token", say!("access-try-token-token"), FieldKind::Secret)
                .required()
                .hint(say!("access-try-token-as-the-platform-gives-it")),
        ],
        submit: say!("access-try-token-test-it").to_owned(),
        ..Form::default()
    };
    Some(
        Panel::new(say!("access-try-token-test-a-token"), Body::Form(form))
            .foot(say!("access-try-token-it-is-used-for-nothing")),
    )
}

/// How every check went.
fn verdict(explained: &TokenExplanation) -> Panel {
    let accepted = explained.checks.iter().all(|check| check.state == CheckState::Passed) && explained.reason.is_none();
    let rows = explained.checks.iter().map(|TokenCheck { check, state, verified, found, expected, advice }| {
        let state = match state {
            CheckState::Passed => Cell::badge(Tone::Good, Icon::Check, say!("access-try-token-passed")),
            CheckState::Failed => Cell::badge(Tone::Bad, Icon::Ban, say!("access-try-token-failed")),
            CheckState::NotReached => Cell::badge(Tone::Plain, Icon::Off, say!("access-try-token-not-reached")),
        };
        let small = (!found.is_empty() && !verified).then(|| say!("access-try-token-not-verified").to_owned());
        Row::new(vec![
            Cell::Code((*check).to_owned()),
            state,
            if found.is_empty() {
                Cell::None(say!("access-try-token-nothing").to_owned())
            } else {
                Cell::Text { text: found.clone(), small }
            },
            Cell::text(expected.clone()),
            match advice {
                Some(advice) => Cell::text(*advice),
                None => Cell::None(say!("access-try-token-nothing").to_owned()),
            },
        ])
    });
    let rows: Vec<Row> = rows.collect();
    let title = if accepted {
        say!("access-try-token-the-token-would-be-exchanged").to_owned()
    } else {
        say!("access-try-token-no-token-for-it", reason = explained.reason.unwrap_or("invalid"))
    };
    let body = if rows.is_empty() {
        Body::Text(vec![say!("access-try-token-it-could-not-be-read").to_owned()])
    } else {
        Body::Table(Table::new(&["Check", "State", "Token says", "Expected", "What to change"], rows))
    };
    Panel::new(&title, body)
}

/// Who a token says it is of and for. Nobody has verified it: good for comparing, and for nothing else.
struct Said {
    issuer: Option<String>,
    subject: Option<String>,
    audiences: Vec<String>,
}

impl Said {
    fn of(token: &SecretText) -> Option<Self> {
        let claims = token.expose().split('.').nth(1)?.as_bytes();
        let claims = BASE64URL_NOPAD.decode(claims).or_else(|_| BASE64URL.decode(claims)).ok().map(Zeroizing::new)?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let audiences = match claims.get("aud") {
            Some(Value::String(audience)) => vec![audience.clone()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Some(Self { issuer: text("iss"), subject: text("sub"), audiences })
    }

    /// What of a federation it agrees with: issuer, subject, audience.
    fn agrees(&self, federation: &Federation) -> [bool; 3] {
        [
            self.issuer.as_ref() == Some(&federation.issuer),
            self.subject.as_deref().is_some_and(|subject| federation.covers_subject(subject)),
            self.audiences.contains(&federation.audience),
        ]
    }
}

/// Which federation the token is for, claim by claim.
fn fitting(workload: &Workload, said: &Said) -> Panel {
    let rows = workload.federations.iter().map(|federation| {
        let agrees = said.agrees(federation);
        let parts = [&federation.issuer, &federation.subject, &federation.audience];
        let cells = parts.iter().zip(agrees).map(|(part, agrees)| Cell::Badge {
            tone: if agrees { Tone::Good } else { Tone::Bad },
            icon: if agrees { Icon::Check } else { Icon::Ban },
            text: if agrees { say!("access-try-token-same") } else { say!("access-try-token-other") }.to_owned(),
            small: Some((*part).clone()),
        });
        Row { cells: cells.collect(), marked: agrees == [true; 3] }
    });
    let rows: Vec<Row> = rows.collect();
    let fits = workload.federations.iter().find(|federation| said.agrees(federation) == [true; 3]);
    let note = match fits {
        Some(federation) => say!("access-try-token-subject-fits", subject = federation.subject),
        None => say!("access-try-token-none-fits").to_owned(),
    };
    let body = if rows.is_empty() {
        Body::Text(vec![say!("access-try-token-the-workload-has-no-federation").to_owned()])
    } else {
        Body::Table(Table::new(&["Issuer", "Subject", "Audience"], rows))
    };
    Panel::new(say!("access-try-token-which-federation-it-is-for"), body)
        .note(note)
        .foot(say!("access-try-token-as-the-token-says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretText {
        SecretText::new(format!("e30.{}.sig", BASE64URL_NOPAD.encode(claims.as_bytes())))
    }

    #[test]
    fn a_federation_fits_when_every_part_of_it_does() {
        let federation = Federation {
            issuer: "https://ci.example".to_owned(),
            subject: "repo:acme/app:ref:*".to_owned(),
            audience: "vault".to_owned(),
            pattern: true,
        };
        let said = |claims| Said::of(&token(claims)).unwrap().agrees(&federation);
        let good = r#"{"iss":"https://ci.example","sub":"repo:acme/app:ref:main","aud":["other","vault"]}"#;
        assert_eq!(said(good), [true; 3]);
        assert_eq!(said(r#"{"iss":"https://ci.example/","sub":"repo:acme/x:ref:main","aud":7}"#), [false; 3]);
        assert_eq!(said("{}"), [false; 3]);
        for strange in ["", "a", "a.b.c", "..", "a.!.c"] {
            assert!(Said::of(&SecretText::new(strange.to_owned())).is_none(), "{strange}");
        }
    }
}
