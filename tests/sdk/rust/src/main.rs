//! The life of a secret through Azure's own Rust packages, unmodified.
//!
//! Usage: strongroom-test-sdk CREDENTIAL, with CREDENTIAL `secret` or `workload`. Everything else comes from the
//! environment: VAULT_URL, AZURE_*, SSL_CERT_FILE. No option of a client is set: what applications write.

use std::{collections::HashMap, env::var, error::Error, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{RequestContent, StatusCode},
    time::OffsetDateTime,
};
use azure_identity::{ClientSecretCredential, WorkloadIdentityCredential};
use azure_security_keyvault_secrets::{
    ResourceExt as _, SecretClient,
    models::{
        RestoreSecretParameters, SecretAttributes, SecretClientGetSecretOptions,
        SecretClientUpdateSecretPropertiesOptions, SetSecretParameters, UpdateSecretPropertiesParameters,
    },
};
use futures::TryStreamExt as _;

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn client_secret(id: &str, secret: &str) -> Done<Arc<dyn TokenCredential>> {
    let secret = Secret::new(var(secret)?);
    Ok(ClientSecretCredential::new(&var("AZURE_TENANT_ID")?, var(id)?, secret, None)?)
}

fn credential(kind: &str) -> Done<Arc<dyn TokenCredential>> {
    match kind {
        "secret" => client_secret("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
        "workload" => Ok(WorkloadIdentityCredential::new(None)?),
        other => Err(format!("{other} is no credential that this program knows").into()),
    }
}

/// Fails unless the server refused with this status and code.
fn refused<T>(answer: azure_core::Result<T>, status: StatusCode, code: &str) -> Done {
    let Err(error) = answer else { return Err(format!("expected {status} {code}, and it was done").into()) };
    assert_eq!(error.http_status(), Some(status), "{error}");
    let azure_core::error::ErrorKind::HttpResponse { error_code, .. } = error.kind() else {
        return Err(error.into());
    };
    assert_eq!(error_code.as_deref(), Some(code), "{error}");
    Ok(())
}

fn value(text: &str) -> Done<RequestContent<SetSecretParameters>> {
    Ok(SetSecretParameters { value: Some(text.to_owned()), ..Default::default() }.try_into()?)
}

/// One thread of its own: futures of these packages are larger than a main thread in a debug build likes.
fn main() -> Done {
    let kind = std::env::args().nth(1).ok_or("which credential?")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(lives(&kind))?;
    println!("done");
    Ok(())
}

async fn lives(kind: &str) -> Done {
    let url = var("VAULT_URL")?;
    let client = SecretClient::new(&url, credential(kind)?, None)?;
    let name = format!("rust-{kind}");
    let first = client.set_secret(&name, value("first")?, None).await?.into_model()?;
    let first = first.resource_id()?.version.ok_or("a version")?;

    let text = "Zażółć gęślą jaźń 🔐 \"quoted\" \\ \n\t\u{2028}";
    let expires = OffsetDateTime::from_unix_timestamp(1_935_990_489)?;
    let tags = HashMap::from([("team".to_owned(), "płatności".to_owned())]);
    let parameters = SetSecretParameters {
        value: Some(text.to_owned()),
        content_type: Some("text/plain".to_owned()),
        tags: Some(tags.clone()),
        secret_attributes: Some(SecretAttributes { enabled: Some(true), expires: Some(expires), ..Default::default() }),
    };
    let second = client.set_secret(&name, parameters.try_into()?, None).await?.into_model()?;
    let second = second.resource_id()?.version.ok_or("a version")?;
    assert_ne!(first, second);

    let read = client.get_secret(&name, None).await?.into_model()?;
    assert_eq!(read.value.as_deref(), Some(text));
    assert_eq!(read.content_type.as_deref(), Some("text/plain"));
    assert_eq!(read.tags.as_ref(), Some(&tags));
    let id = read.resource_id()?;
    assert_eq!((id.vault_url.trim_end_matches('/'), id.name.as_str()), (url.as_str(), name.as_str()));
    let attributes = read.attributes.ok_or("attributes")?;
    assert_eq!((attributes.expires, attributes.recoverable_days), (Some(expires), Some(90)));
    let options = SecretClientGetSecretOptions { secret_version: Some(first.clone()), ..Default::default() };
    let old = client.get_secret(&name, Some(options)).await?.into_model()?;
    assert_eq!(old.value.as_deref(), Some("first"));

    for number in 0..28 {
        client.set_secret(&format!("{name}-{number}"), value("x")?, None).await?;
    }
    let listed: Vec<_> = client.list_secret_properties(None)?.try_collect().await?;
    let ours = listed.iter().filter(|item| {
        item.resource_id().is_ok_and(|id| id.name.strip_prefix(&name).is_some_and(|rest| rest.starts_with('-')))
    });
    assert_eq!(ours.count(), 28, "every page was followed");
    let mut versions = Vec::new();
    let mut pager = client.list_secret_properties_versions(&name, None)?;
    while let Some(item) = pager.try_next().await? {
        versions.push(item.resource_id()?.version.ok_or("a version")?);
    }
    versions.sort();
    let mut expected = vec![first.clone(), second.clone()];
    expected.sort();
    assert_eq!(versions, expected);

    refused(client.get_secret("not-there", None).await, StatusCode::NotFound, "SecretNotFound")?;
    let kept = HashMap::from([("kept".to_owned(), "yes".to_owned())]);
    let changes = UpdateSecretPropertiesParameters {
        content_type: Some("old".to_owned()),
        tags: Some(kept.clone()),
        ..Default::default()
    };
    let options =
        SecretClientUpdateSecretPropertiesOptions { secret_version: Some(first.clone()), ..Default::default() };
    let changed = client.update_secret_properties(&name, changes.try_into()?, Some(options)).await?.into_model()?;
    assert_eq!((changed.content_type.as_deref(), changed.tags), (Some("old"), Some(kept)));
    // Without a version the package leaves the segment empty: the current one is meant.
    let changes = UpdateSecretPropertiesParameters { content_type: Some("new".to_owned()), ..Default::default() };
    let changed = client.update_secret_properties(&name, changes.try_into()?, None).await?.into_model()?;
    assert_eq!(changed.resource_id()?.version, Some(second.clone()));

    let backup = client.backup_secret(&name, None).await?.into_model()?.value;
    let restore = || RestoreSecretParameters { secret_backup: backup.clone() }.try_into();
    refused(client.restore_secret(restore()?, None).await, StatusCode::Conflict, "Conflict")?;
    let deleted = client.delete_secret(&name, None).await?.into_model()?;
    assert!(deleted.scheduled_purge_date > deleted.deleted_date);
    refused(client.get_secret(&name, None).await, StatusCode::NotFound, "SecretNotFound")?;
    refused(client.set_secret(&name, value("again")?, None).await, StatusCode::Conflict, "Conflict")?;
    let gone: Vec<_> = client.list_deleted_secret_properties(None)?.try_collect().await?;
    assert!(gone.iter().any(|item| item.resource_id().is_ok_and(|id| id.name == name)));
    client.recover_deleted_secret(&name, None).await?;
    assert_eq!(client.get_secret(&name, None).await?.into_model()?.value.as_deref(), Some(text));
    client.delete_secret(&name, None).await?;
    client.get_deleted_secret(&name, None).await?;
    client.purge_deleted_secret(&name, None).await?;
    refused(client.get_deleted_secret(&name, None).await, StatusCode::NotFound, "SecretNotFound")?;
    let restored = client.restore_secret(restore()?, None).await?.into_model()?;
    assert_eq!(restored.resource_id()?.version, Some(second), "the version ids are the old ones");
    assert_eq!(client.get_secret(&name, None).await?.into_model()?.value.as_deref(), Some(text));

    if kind == "secret" {
        let nobody = SecretClient::new(&url, client_secret("NOBODY_CLIENT_ID", "NOBODY_CLIENT_SECRET")?, None)?;
        // Azure's messages of this kind have line breaks, which this package does not read: it gives the status.
        refused(nobody.get_secret("any", None).await, StatusCode::Forbidden, "403")?;
        let wrong = SecretClient::new(&url, client_secret("AZURE_CLIENT_ID", "NOBODY_CLIENT_SECRET")?, None)?;
        let error = wrong.get_secret("any", None).await.err().ok_or("a wrong secret is refused")?;
        assert!(format!("{error:?}").contains("AADSTS7000215"), "{error:?}");
    }
    Ok(())
}
