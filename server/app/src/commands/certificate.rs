//! `strongroom certificate`: what may be public goes to standard output, private keys to files of their owner or into a
//! pipe.

mod create;
mod inspect;
mod issuer;
mod pending;
mod place;
mod policy;
mod revocation;
mod said;
mod waiting;
mod watch;

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_crypto::x509::certificates_in;
use zeroize::Zeroizing;

use super::{
    attributes::update,
    done,
    key::password,
    object::{Collection, connect},
    pem, seconds, tags, text,
};
use crate::{
    cli::{Output, VaultAt, Versioned, certificate::CertificateCommand},
    client::{VaultClient, of_certificate},
    exit::{Exit, Found},
    plain::plain_lines,
    private_file,
};

/// Certificates, as a collection.
const CERTIFICATES: Collection = Collection {
    word: "certificate",
    path: "certificates",
    deleted: "deletedcertificates",
    // One whose first try failed is what somebody looks for.
    asked: &[("includePending", "true")],
    line_id: "/id",
    id: "/id",
    columns: &[
        ("THUMBPRINT", |item| match text(item, "/x5t") {
            none if none.is_empty() => "none: not issued".to_owned(),
            thumbprint => thumbprint,
        }),
        ("REVOKED", revoked),
        ("RENEWAL", failed),
    ],
    own: |certificate| vec![("thumbprint", text(certificate, "/x5t"))],
};

/// More than any chain has; reading stops there.
const MAX_READ: u64 = 512 * 1024;

pub(crate) async fn run(command: CertificateCommand) -> anyhow::Result<()> {
    match command {
        CertificateCommand::Life(step) => CERTIFICATES.run(step).await,
        CertificateCommand::Create { name, certificate, patience, at } => {
            create::run(&name, &certificate, patience.wait, &at).await
        }
        CertificateCommand::Renew { name, patience, at } => renew(&name, patience.wait, &at).await,
        CertificateCommand::Watch { name, watched, at } => watch::run(&name, &watched, &at).await,
        CertificateCommand::Inspect { name, version, file, connect, host, root, password_file, at } => {
            let (document, taken_back) = match (&name, &file, &connect) {
                (_, Some(file), _) => {
                    let password = password_file.as_deref().map(password).transpose()?.unwrap_or_default();
                    (inspect::read(&Zeroizing::new(read(file)?), &password)?, None)
                }
                (_, None, Some((host, port))) => (inspect::presented(host, *port)?, None),
                (Some(name), None, None) => inspect::fetch(&Versioned { name: name.clone(), version }, &at).await?,
                (None, None, None) => {
                    let why = "say what is looked at: the name of a certificate, --file FILE or --connect HOST:PORT";
                    return Err(Found::Misused(why.to_owned()).into());
                }
            };
            let host = host.or(connect.map(|(host, _)| host));
            let roots = root.as_deref().map(|file| inspect::roots(&read(file)?)).transpose()?;
            inspect::print(&document, host.as_deref(), taken_back, roots.as_deref(), at.output)
        }
        CertificateCommand::Import { name, file, password_file, not_exportable, tags: said, at } => {
            let rest = json!({
                "policy": { "key_props": { "exportable": !not_exportable } }, "tags": tags(&said)?,
            });
            let password = password_file.as_deref().map(password).transpose()?;
            import(&name, &file, password, &rest, &at).await
        }
        CertificateCommand::Show { certificate, at } => {
            let vault = connect(&at).await?;
            let shown = vault.send(Method::GET, &path(&certificate), None).await?;
            // An operation is the name's: of an older version it says nothing.
            let asked = at.output == Output::Table && (certificate.version.is_none() || waits(&shown));
            let operation = if asked { pending::operation(&vault, &certificate.name, &shown).await } else { None };
            print(&shown, operation.as_ref(), at.output);
            Ok(())
        }
        CertificateCommand::Update { certificate, enabling, tags, at } => {
            let mut body = tags.body()?;
            if let Some(enabled) = enabling.said() {
                body.insert("attributes".to_owned(), json!({ "enabled": enabled }));
            }
            update(&CERTIFICATES, &certificate, body, "--enabled, --tag or --no-tags", &at).await
        }
        CertificateCommand::Export { certificate, out, public, at } => {
            export(&certificate, out.as_deref(), public, &at).await
        }
        CertificateCommand::Request { name, at } => {
            println!("{}", request(&pending::send(&name, Method::GET, None, &at).await?)?);
            Ok(())
        }
        CertificateCommand::Issuer(command) => issuer::run(command).await,
        CertificateCommand::Contacts(command) => issuer::contacts(command).await,
        CertificateCommand::Merge { name, file, at } => merge(&name, &file, &at).await,
        CertificateCommand::Revoke { authority, revoked, reason, issuer, at } if revoked.at_issuer => {
            revocation::revoke_at_issuer(&authority, issuer.as_deref(), &reason, &at).await
        }
        CertificateCommand::Revoke { authority, revoked, reason, at, .. } => {
            revocation::revoke(&authority, &revoked, &reason, &at).await
        }
        CertificateCommand::Revocations { authority, at } => revocation::show(&authority, &at).await,
        CertificateCommand::Crl { authority, at } => revocation::write_lists(&authority, &at).await,
        CertificateCommand::Cancel { name, at } => {
            let body = serde_json::to_vec(&json!({ "cancellation_requested": true }))?;
            let answer = pending::send(&name, Method::PATCH, Some(body), &at).await?;
            done(at.output, &answer, format_args!("{name} no longer waits for its authority"));
            Ok(())
        }
        CertificateCommand::Pending(command) => pending::run(command).await,
        CertificateCommand::Policy(command) => policy::run(command).await,
    }
}

/// The next version, by the stored policy and with the tags of the current one. Enabled as one that is created: that one
/// was disabled says nothing of its successor.
async fn renew(name: &str, wait: u16, at: &VaultAt) -> anyhow::Result<()> {
    let vault = connect(at).await?;
    let current = vault.send(Method::GET, &["certificates", name], None).await?;
    let tags = current.get("tags").filter(|tags| !tags.is_null()).cloned().unwrap_or_else(|| json!({}));
    let body = json!({ "tags": tags, "attributes": { "enabled": true } });
    make(&vault, name, &body, wait, at).await
}

async fn make(vault: &VaultClient, name: &str, body: &Value, wait: u16, at: &VaultAt) -> anyhow::Result<()> {
    vault.send(Method::POST, &["certificates", name, "create"], Some(serde_json::to_vec(body)?)).await?;
    let ask = async || vault.send(Method::GET, &["certificates", name, "pending"], None).await;
    let first = ask().await?;
    let by_hand = text(&first, "/issuer/name").eq_ignore_ascii_case("Unknown");
    let operation = if by_hand { first } else { waiting::for_issuer(name, first, wait, ask).await? };
    if text(&operation, "/status") == "failed" {
        let code = text(&operation, "/error/code");
        let hint = match code.as_str() {
            "outside-profile" => {
                " --eku says the extended usages, without it they are those of servers and clients; the profile of the issuer \
                 says which sorts of names it certifies too."
            }
            _ => "",
        };
        bail!("the issuer of {name} failed ({code}): {}{hint}", text(&operation, "/error/message"));
    }
    if !by_hand && waiting::goes_on(&operation) {
        if at.output == Output::Json {
            println!("{}", crate::plain::json(&operation));
        }
        let why = format!(
            "{name} still waits for its issuer, which the server goes on asking; strongroom certificate show {name} tells \
             when it is there"
        );
        return Err(anyhow::Error::new(Exit::Pending).context(why));
    }
    if waiting::goes_on(&operation) {
        eprintln!(
            "{name} waits for its authority: have the request signed, then `strongroom certificate merge {name}`"
        );
        match at.output {
            Output::Json => println!("{}", crate::plain::json(&operation)),
            Output::Table => println!("{}", request(&operation)?),
        }
        return Ok(());
    }
    let made = vault.send(Method::GET, &["certificates", name], None).await?;
    CERTIFICATES.print_id(&made, at.output);
    Ok(())
}

/// What a certificate is imported with.
#[derive(Serialize)]
struct Import<'a> {
    value: &'a str,
    pwd: Option<&'a str>,
    #[serde(flatten)]
    rest: &'a Value,
}

async fn import(
    name: &str,
    file: &Path,
    password: Option<Zeroizing<String>>,
    rest: &Value,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let document = Zeroizing::new(read(file)?);
    let value = Zeroizing::new(BASE64.encode(&document));
    let body = Import { value: &value, pwd: password.as_ref().map(|password| password.as_str()), rest };
    let body = serde_json::to_vec(&body)?;
    let made = connect(at).await?.send(Method::POST, &["certificates", name, "import"], Some(body)).await?;
    CERTIFICATES.print_id(&made, at.output);
    Ok(())
}

fn path(certificate: &Versioned) -> Vec<&str> {
    ["certificates", &certificate.name].into_iter().chain(certificate.version.as_deref()).collect()
}

/// Whether what is shown has no certificate, yet or for good.
fn waits(shown: &Value) -> bool {
    text(shown, "/cer").is_empty()
}

/// When and why it was revoked; nothing where nobody here says so.
fn revoked(shown: &Value) -> String {
    match text(shown, "/revocation/status").as_str() {
        "" => String::new(),
        "revoked" => {
            format!("{} ({})", seconds(shown, "/revocation/revoked"), text(shown, "/revocation/reason"))
        }
        _ => "not known".to_owned(),
    }
}

/// That its renewal failed, and why; nothing where it did not.
fn failed(shown: &Value) -> String {
    match text(shown, "/renewal/status").as_str() {
        "failed" => format!("failed ({})", text(shown, "/renewal/reason")),
        _ => String::new(),
    }
}

/// The same with times, for who looks at one.
fn failures(shown: &Value) -> String {
    let [count, reason] = ["failures", "reason"].map(|part| text(shown, &format!("/renewal/{part}")));
    let reason = match reason.as_str() {
        "issuer-disabled" => {
            format!("{reason}: the certificate issuer {} is disabled", text(shown, "/policy/issuer/name"))
        }
        _ => reason,
    };
    match failed(shown) {
        none if none.is_empty() => none,
        _ => format!("{count} times, the last time at {} ({reason})", seconds(shown, "/renewal/last")),
    }
}

fn print(certificate: &Value, operation: Option<&Value>, output: Output) {
    let ((subject, names), asked) = said::named(certificate);
    let key = ["kty", "crv", "key_size"].map(|part| text(certificate, &format!("/policy/key_props/{part}")));
    let joined = |parts: &[String], between: &str| {
        parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(between)
    };
    let exportable = match text(certificate, "/policy/key_props/exportable").as_str() {
        "false" => "no: the private key stays in the vault",
        _ => "yes, with its private key",
    };
    let ended = operation.is_some_and(|operation| text(operation, "/status") != "inProgress");
    let waiting = if waits(certificate) && !ended { "for its authority" } else { "" };
    CERTIFICATES.print_one(
        certificate,
        [
            ("waits", waiting.to_owned()),
            ("operation", operation.map(pending::stands).unwrap_or_default()),
            ("revoked", revoked(certificate)),
            ("subject", subject),
            ("names", names),
            ("policy asks for", asked),
            ("issuer", text(certificate, "/policy/issuer/name")),
            ("thumbprint", text(certificate, "/x5t")),
            ("key", joined(&key, " ")),
            ("exported", exportable.to_owned()),
            ("form", text(certificate, "/policy/secret_props/contentType")),
            ("renews", certificate.get("policy").map(policy::renewal).unwrap_or_default()),
            ("renewal failed", failures(certificate)),
            ("next renewal", seconds(certificate, "/renewal/next")),
            ("contacts told", certificate.get("policy").map(policy::notice).unwrap_or_default()),
            ("renewed for", format!("{} months", text(certificate, "/policy/x509_props/validity_months"))),
        ],
        output,
    );
}

fn request(operation: &Value) -> anyhow::Result<String> {
    Ok(pem("CERTIFICATE REQUEST", &BASE64.decode(text(operation, "/csr").as_bytes())?))
}

async fn export(certificate: &Versioned, out: Option<&Path>, public: bool, at: &VaultAt) -> anyhow::Result<()> {
    let vault = connect(at).await?;
    if public {
        let shown = vault.send(Method::GET, &path(certificate), None).await?;
        let Some(leaf) = shown.get("cer").and_then(Value::as_str) else {
            return Err(pending::without(&vault, certificate, &shown).await);
        };
        let leaf = pem("CERTIFICATE", &BASE64.decode(leaf.as_bytes())?) + "\n";
        return write(out, leaf.as_bytes());
    }
    let value = match vault.value(&certificate.name, certificate.version.as_deref()).await {
        Ok(value) => value,
        // A version that waits has no secret yet.
        Err(refused) => match vault.send(Method::GET, &path(certificate), None).await {
            Ok(shown) if waits(&shown) => return Err(pending::without(&vault, certificate, &shown).await),
            _ => return Err(of_certificate(refused, &certificate.name)),
        },
    };
    if value.starts_with("-----BEGIN ") {
        // Whoever may write the secret chose it.
        return match plain_lines(&value).filter(|_| out.is_none() && std::io::stdout().is_terminal()) {
            Some(shown) => write(None, Zeroizing::new(shown).as_bytes()),
            None => write(out, value.as_bytes()),
        };
    }
    let document = Zeroizing::new(BASE64.decode(value.as_bytes()).context("the secret is no PFX in base64")?);
    if out.is_none() && std::io::stdout().is_terminal() {
        bail!("a PFX is not for a terminal: give --out FILE, or pipe it");
    }
    write(out, &document)
}

fn write(out: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match out {
        Some(file) => private_file::write(file, bytes, false),
        None => Ok(std::io::stdout().lock().write_all(bytes)?),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_READ).read_to_end(&mut bytes)?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        opened.take(MAX_READ).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The certificates of a document alone: a private key that stands beside them is sent to nobody.
fn certificates_of(document: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let armored = std::str::from_utf8(document).ok().filter(|text| text.contains("-----BEGIN "));
    let Some(text) = armored else { return Ok(certificates_in(document)?) };
    let (mut alone, mut within) = (String::new(), false);
    for line in text.lines() {
        within |= line.trim() == "-----BEGIN CERTIFICATE-----";
        if within {
            alone.push_str(line);
            alone.push('\n');
        }
        within &= line.trim() != "-----END CERTIFICATE-----";
    }
    Ok(certificates_in(alone.as_bytes())?)
}

async fn merge(name: &str, file: &Path, at: &VaultAt) -> anyhow::Result<()> {
    let x5c: Vec<String> =
        certificates_of(&Zeroizing::new(read(file)?))?.iter().map(|der| BASE64.encode(der)).collect();
    let body = serde_json::to_vec(&json!({ "x5c": x5c }))?;
    let merged = connect(at).await?.send(Method::POST, &["certificates", name, "pending", "merge"], Some(body)).await?;
    CERTIFICATES.print_id(&merged, at.output);
    Ok(())
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::{DevAuthority, SystemEntropy};

    use super::*;

    #[test]
    fn a_renewal_that_failed_names_the_issuer_that_is_disabled() {
        let shown = |reason| {
            json!({
                "renewal": { "status": "failed", "failures": 2, "last": 1_800_000_000, "reason": reason },
                "policy": { "issuer": { "name": "far" } },
            })
        };
        let told = failures(&shown("issuer-disabled"));
        assert!(told.ends_with("(issuer-disabled: the certificate issuer far is disabled)"), "{told}");
        assert!(failures(&shown("invalid")).ends_with("(invalid)"));
        assert_eq!(failures(&json!({})), "");
    }

    #[test]
    fn of_a_file_with_a_key_the_certificates_alone_are_taken() {
        let now = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let authority = DevAuthority::create("CA", now, &SystemEntropy).unwrap();
        let issued = authority.issue_server(&["app.example".to_owned()], &[], now, 30, &SystemEntropy).unwrap();
        let (certificate, key) = (issued.0, issued.1.expose().to_owned());
        let ders = certificates_in(certificate.as_bytes()).unwrap();
        for text in [format!("{key}\n{certificate}"), format!("{certificate}\n{key}"), certificate.clone()] {
            assert_eq!(certificates_of(text.as_bytes()).unwrap(), ders);
        }
        assert_eq!(certificates_of(&ders[0]).unwrap(), ders[..1]);
        let cut = certificate.replace("-----END CERTIFICATE-----", "");
        for none in [key.clone(), format!("{cut}\n{key}"), String::new()] {
            assert!(certificates_of(none.as_bytes()).is_err(), "{none}");
        }
    }
}
