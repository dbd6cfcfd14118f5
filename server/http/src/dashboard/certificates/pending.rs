//! What waits for an authority: the request to have signed, and merging what came of it, or calling it off.

use std::collections::BTreeMap;

use strongroom_crypto::x509::certificates_in;
use strongroom_domain::{
    action::Action,
    certificate::{PendingOperation, PendingStatus},
    certificates::CertificateError,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    secret::MAX_TAGS,
};
use strongroom_web::{Act, Body, Cell, Fact, Field, FieldKind, Form, Icon, Panel, Snippet, Tone, say};

use super::{pem, show};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::Viewer,
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        secret::Named,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Empty rows for tags that are offered.
const SPARE_TAGS: usize = 2;

/// The operation of a name, for who may see it. Reading it is on record like any other read.
pub(super) async fn panels(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    name: &ObjectName,
    refused: Option<(&Refusal, &Draft)>,
) -> Vec<Panel> {
    let ask = |action| Ask::object(ObjectKind::Certificate, action, vault, name);
    if !offers.open(&ask(Action::CertificatePendingGet), say!("certificates-pending-seeing-what-it-waits-for")).await {
        return Vec::new();
    }
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok((item, _)) = viewer.services.certificates.pending(&ctx, vault, name).await else { return Vec::new() };
    let Some(pending) = item.secret.certificate.as_ref().and_then(|state| state.pending.as_ref()) else {
        return Vec::new();
    };
    let at = |act: &str| links::certificate_act(vault, name, None, &format!("pending/{act}"));
    let waits = pending.status == PendingStatus::InProgress;
    let mut acts = Vec::new();
    let token = viewer.form_token();
    if waits && offers.open(&ask(Action::CertificatePendingUpdate), say!("certificates-pending-calling-it-off")).await {
        acts.push(Act::post(
            say!("certificates-pending-call-off"),
            say!("certificates-pending-the-request"),
            at("cancel"),
            &token,
            Icon::Off,
        ));
    }
    if offers.open(&ask(Action::CertificatePendingDelete), say!("certificates-pending-forgetting-the-operation")).await
    {
        acts.push(Act::post(
            say!("certificates-pending-forget"),
            say!("certificates-pending-the-operation"),
            at("delete"),
            &token,
            Icon::Trash,
        ));
    }
    let mut panels =
        vec![Panel::new(say!("certificates-pending-pending-operation"), Body::Facts(facts(pending))).acts(acts)];
    // An issuer of the vault finishes what it was asked for.
    if !waits || pending.enrolment.is_some() {
        return panels;
    }
    let request =
        Snippet::new(say!("certificates-pending-request-pkcs-10-pem"), pem("CERTIFICATE REQUEST", &pending.request));
    panels.push(
        Panel::new(say!("certificates-pending-request-to-have-signed"), Body::Snippets(vec![request]))
            .note(say!("certificates-pending-not-a-secret"))
            .foot(say!("certificates-pending-give-it-to-your-authority")),
    );
    if offers.open(&ask(Action::CertificatePendingMerge), say!("certificates-pending-merging-a-certificate")).await {
        let draft = refused.map_or_else(|| Draft::of(&item.version.attributes.tags), |(_, draft)| draft.clone());
        let mut fields = vec![
            Field::code("certificates", say!("certificates-pending-certificate-and-its-chain-pem"), draft.pem, 8)
                .required()
                .hint(say!("certificates-pending-the-certificate-for-the-request")),
        ];
        if !draft.tags.is_empty() {
            fields.push(Field::new("tag", say!("certificates-pending-tags"), FieldKind::Pairs(draft.tags)));
        }
        let form = Form {
            action: at("merge"),
            csrf_token: Some(viewer.form_token()),
            fields,
            submit: say!("certificates-pending-merge").to_owned(),
            ..Form::default()
        };
        let form = refusal::form(viewer, form, refused.map(|(refusal, _)| refusal)).await;
        panels.push(Panel::new(say!("certificates-pending-merge-what-the-authority-made"), Body::Form(form)));
    }
    panels
}

/// What the form of a merge holds.
#[derive(Clone, Default)]
pub(super) struct Draft {
    /// The certificates that were pasted; of what else was pasted with them nothing is told again.
    pem: String,
    tags: Vec<(String, String)>,
}

impl Draft {
    fn of(tags: &BTreeMap<String, String>) -> Self {
        // A field of one line cannot hold every tag; those stay as they are.
        if tags.iter().any(|(name, value)| name.chars().chain(value.chars()).any(char::is_control)) {
            return Self::default();
        }
        let mut tags: Vec<_> = tags.clone().into_iter().collect();
        tags.extend((tags.len()..MAX_TAGS).take(SPARE_TAGS).map(|_| Default::default()));
        Self { pem: String::new(), tags }
    }
}

fn facts(pending: &PendingOperation) -> Vec<Fact> {
    let (tone, icon, word) = match pending.status {
        PendingStatus::InProgress => {
            (Tone::Planned, Icon::Hourglass, say!("certificates-pending-waits-for-the-certificate"))
        }
        PendingStatus::Completed => (Tone::Good, Icon::Check, say!("certificates-pending-completed")),
        PendingStatus::Cancelled => (Tone::Plain, Icon::Off, say!("certificates-pending-called-off")),
        PendingStatus::Failed => (Tone::Bad, Icon::Warning, say!("certificates-pending-failed")),
    };
    let trouble = pending.enrolment.as_ref().and_then(|enrolment| enrolment.trouble.as_ref());
    let mut facts = vec![
        Fact { name: say!("certificates-pending-state").to_owned(), value: Cell::badge(tone, icon, word) },
        Fact::text(say!("certificates-pending-signed-by"), pending.issuer.clone()),
        Fact::code(say!("certificates-pending-version"), pending.version.to_string()),
        Fact::code(say!("certificates-pending-request"), pending.request_id.clone()),
    ];
    if pending.gives_up_key {
        facts.push(Fact::text(say!("certificates-pending-key"), say!("certificates-pending-a-new-key")));
    }
    facts.extend(
        trouble.map(|trouble| Fact::text(say!("certificates-pending-the-issuer-said"), trouble.message.clone())),
    );
    facts
}

/// POST /vaults/{vault}/certificates/{name}/pending/merge
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn merge(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let text = sent.secret("certificates");
    let found = certificates_in(text.expose().as_bytes()).map_err(CertificateError::from);
    let tags = sent.pairs("tag", MAX_TAGS);
    let mut draft = tags.as_ref().map(Draft::of).unwrap_or_default();
    draft.pem = found.iter().flatten().map(|certificate| pem("CERTIFICATE", certificate)).collect();
    let merge = async {
        let (found, tags) = (found?, tags?);
        // None of them leaves those that it has.
        let tags = (!tags.is_empty()).then_some(&tags);
        viewer.services.certificates.merge(&viewer.call.ctx, &vault, &name, &found, tags, None).await?;
        Ok::<_, Failure>(())
    };
    match merge.await {
        Ok(()) => Ok(redirect(links::certificate(&vault, &name, None))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.at("certificates");
            // The page around it is a read of its own.
            let look = viewer.further()?;
            let shown = viewer.services.certificates.show(&look, &vault, &name, None).await?;
            let waits = shown.0.secret.certificate.as_ref().is_some_and(|state| state.in_progress().is_some());
            if !waits {
                return Err(Problem::from(CertificateError::NoPending(name)).into());
            }
            show::page(viewer, &vault, shown, Some((&refusal, &draft))).await
        }
    }
}

/// POST /vaults/{vault}/certificates/{name}/pending/cancel
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn cancel(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    viewer.services.certificates.cancel(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::certificate(&vault, &name, None)))
}

/// POST /vaults/{vault}/certificates/{name}/pending/delete
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn forget(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    viewer.services.certificates.delete_pending(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::certificate(&vault, &name, None)))
}
