//! A certificate as a file: what is public for whoever may see it, and all of it for whoever may read its secret.

use data_encoding::BASE64;
use strongroom_crypto::x509;
use strongroom_web::{RevealForm, say};
use zeroize::Zeroizing;

use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::Viewer,
        secret::Named,
    },
    message::{Request, Response},
    problem::Problem,
};

/// What stands first in PEM.
const PEM: &str = "-----BEGIN ";

/// GET /vaults/{vault}/certificates/{name}/{version}/public?as=pem, cer or pfx: nothing secret is in it.
///
/// # Errors
/// The gate's denial, or why there is nothing to hand out.
pub(crate) async fn public(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    // Before anything is asked, which is on record as done.
    let form = request.query("as").unwrap_or("pem");
    if !["pem", "cer", "pfx"].contains(&form) {
        return Err(Problem::bad_parameter(say!("certificates-files-a-certificate-is-handed-out")).into());
    }
    let Named { vault, name, version } = Named::of(viewer)?;
    let (item, _) = viewer.services.certificates.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    let name = &item.secret.name;
    let chain = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
    let leaf = chain.first().ok_or_else(Problem::no_route)?;
    Ok(match form {
        "pem" => file(x509::pem(None, chain).expose().as_bytes(), "application/x-pem-file", &format!("{name}.pem")),
        "cer" => file(leaf, "application/pkix-cert", &format!("{name}.cer")),
        _ => {
            let bytes = x509::pkcs12(None, chain, name.display()).map_err(|_| Problem::internal())?;
            file(bytes.expose(), "application/x-pkcs12", &format!("{name}.pfx"))
        }
    })
}

/// POST /vaults/{vault}/certificates/{name}/{version}/export: its secret, read like any other, as the file that it is.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the secret cannot be read.
pub(crate) async fn export(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, version } = Named::of(viewer)?;
    // A secret that is no certificate's is revealed elsewhere.
    let look = viewer.further()?;
    let (item, _) = viewer.services.certificates.show(&look, &vault, &name, version.as_ref()).await?;
    if super::is_waiting(&item) {
        return Err(Problem::no_route().into());
    }
    let ctx = &viewer.call.ctx;
    ctx.state_reason(sent.text(RevealForm::REASON_FIELD))
        .map_err(|unfit| Problem::bad_parameter(format!("{unfit}.")))?;
    let opened = viewer.services.secrets.get(ctx, &vault, &name, version.as_ref()).await?;
    let (name, text) = (&opened.secret.name, opened.value.expose());
    if text.starts_with(PEM) {
        return Ok(file(text.as_bytes(), "application/x-pem-file", &format!("{name}.pem")));
    }
    let document = BASE64.decode(text.as_bytes()).map(Zeroizing::new);
    let document = document.map_err(|_| Problem::internal())?;
    Ok(file(&document, "application/x-pkcs12", &format!("{name}.pfx")))
}

/// A file to be saved.
pub(crate) fn file(bytes: &[u8], content_type: &str, name: &str) -> Response {
    Response { body: Zeroizing::new(bytes.to_vec()), ..Response::empty(200) }
        .with("content-type", content_type.to_owned())
        .with("content-disposition", format!("attachment; filename=\"{name}\""))
        .with("cache-control", "no-store".to_owned())
        .with("cross-origin-resource-policy", "same-origin".to_owned())
}
