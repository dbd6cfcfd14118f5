//! Uploading a policy module: a form of several parts, of which the module is one. It is compiled in a process of its
//! own before it is taken in, as by the API.

use std::sync::Arc;

use strongroom_domain::policy_module::MAX_MODULE_BYTES;
use strongroom_web::{Body, Field, Form, Panel, PanelsPage, say};

use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        multipart::Parts,
        redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands},
    },
    message::{Request, Response},
};

/// Length of a signature (Ed25519), in bytes.
const SIGNATURE: usize = 64;

/// GET /policy/upload
///
/// # Errors
/// None: whoever sends the form is judged.
pub(crate) async fn form(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(page(viewer, None).await)
}

/// POST /policy/upload
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the module cannot be kept.
pub(crate) async fn push(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let parts = Parts::accept(viewer, request)?;
    let module = parts.file("module");
    let signature = parts.file("signature").filter(|bytes| !bytes.is_empty());
    let wrong = match (module, signature) {
        (None | Some([]), _) => Some(Refusal::of_field("module", say!("policies-upload-choose-the-module-a-file"))),
        (Some(bytes), _) if bytes.len() > MAX_MODULE_BYTES => {
            Some(Refusal::of_field("module", say!("policies-upload-it-is-larger-than-the")))
        }
        (_, Some(bytes)) if bytes.len() != SIGNATURE => {
            Some(Refusal::of_field("signature", say!("policies-upload-it-is-no-signature-name")))
        }
        _ => None,
    };
    if let Some(refusal) = wrong {
        return Ok(page(viewer, Some(&refusal)).await);
    }
    let bytes = Arc::from(module.unwrap_or_default());
    match viewer.services.admin.push_module(&viewer.call.ctx, bytes, signature).await {
        Ok(module) => Ok(redirect(links::module(&module.facts.digest))),
        Err(error) => {
            let refusal = Refusal::of(error.into())?;
            let field = if ["module-not-signed", "module-signed-otherwise"].contains(&refusal.reason()) {
                "signature"
            } else {
                "module"
            };
            Ok(page(viewer, Some(&refusal.at(field))).await)
        }
    }
}

async fn page(viewer: &Viewer<'_>, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::MODULE_UPLOAD.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::file("module", say!("policies-upload-module"), ".wasm")
                .required()
                .hint(say!("policies-upload-a-webassembly-component-of-at")),
            Field::file("signature", say!("policies-upload-signature"), ".sig")
                .hint(say!("policies-upload-name-wasm-sig-if-there")),
        ],
        submit: say!("policies-upload-upload").to_owned(),
        cancel_href: Some(links::POLICY.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Policies.below(say!("policies-upload-upload"));
    let page = PanelsPage {
        lead: Some(say!("policies-upload-it-is-compiled-in-a").to_owned()),
        main: vec![Panel::new(say!("policies-upload-module"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server("policy push NAME.wasm"),
            strongroom_web::Snippet::new(
                say!("policies-upload-begin-a-module-of-your"),
                "strongroom policy new first-rule",
            ),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-upload-upload-a-policy-module"))
    };
    refusal::answer(&page, refusal)
}
