//! The key and the secret that go with a certificate: what is known of them, and what they become.

use std::sync::Arc;

use strongroom_crypto::{Entropy, Plaintext, SecretText};
use zeroize::Zeroizing;

use super::{ObjectError, Objects, write::first_revision};
use crate::{
    certificate::{CertificateVersion, ContentType},
    change::NameWrite,
    key::KeyProperties,
    keyring::{Keyring, VaultKeys},
    names::{ObjectKind, ObjectName, ObjectVersion},
    secret::{LifeState, SealedVersion, SecretAttributes, SecretFacts, SecretItem, SecretMeta, VersionMeta},
    vault::Vault,
};

/// What stands under a certificate's name among keys and secrets, whether or not it is the certificate's.
#[derive(Clone)]
pub(crate) struct Companions {
    found: Vec<(ObjectKind, Arc<SecretFacts>)>,
}

impl Companions {
    /// Those that are the certificate's.
    pub(crate) fn own(&self) -> impl Iterator<Item = &(ObjectKind, Arc<SecretFacts>)> {
        self.found.iter().filter(|(_, facts)| facts.secret.managed)
    }

    /// One that is not, and whose name the certificate would need.
    pub(crate) fn foreign(&self) -> Option<ObjectKind> {
        self.found.iter().find(|(_, facts)| !facts.secret.managed).map(|(kind, _)| *kind)
    }

    pub(crate) fn of(&self, kind: ObjectKind) -> Option<&SecretFacts> {
        self.own().find(|(known, _)| *known == kind).map(|(_, facts)| &**facts)
    }
}

impl Objects {
    /// Reads what is known of the key and the secret of a name, authenticated as by the gate. Belongs to an operation
    /// on the certificate that was permitted.
    pub(crate) async fn companions(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Companions, ObjectError> {
        let mut found = Vec::new();
        for kind in [ObjectKind::Key, ObjectKind::Secret] {
            let Some(facts) = self.store.facts(vault.id, kind, name, version).await? else { continue };
            self.keyring.verify_name(keys, kind, name, &facts.secret)?;
            if let Some(meta) = &facts.version {
                self.keyring.verify_version(keys, kind, name, meta)?;
            }
            found.push((kind, facts));
        }
        Ok(Companions { found })
    }
}

/// Most versions among which the one before is looked for.
const MAX_VERSIONS: usize = 1000;

/// What the secret of a certificate is told with besides its value. Of other secrets nothing.
#[derive(Default)]
pub(crate) struct Told {
    /// The version before this one.
    pub(crate) previous: Option<ObjectVersion>,
    /// The chain, where the value is to be given in another form than it is kept in.
    chain: Option<Vec<Vec<u8>>>,
}

impl Objects {
    /// Reads what a version of a secret is told with, authenticated as by the gate. Belongs to a permitted read of it.
    pub(crate) async fn told(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        SecretItem { secret, version }: &SecretItem,
        form: Option<ContentType>,
    ) -> Result<Told, ObjectError> {
        if !secret.managed {
            return Ok(Told::default());
        }
        let (kind, name) = (ObjectKind::Secret, &secret.name);
        let mut previous = None;
        if version.ordinal > 1 {
            let found = self.store.version_metas(vault.id, kind, name, MAX_VERSIONS).await?;
            let before = found.into_iter().filter(|meta| meta.ordinal < version.ordinal);
            if let Some(meta) = before.max_by_key(|meta| meta.ordinal) {
                self.keyring.verify_version(keys, kind, name, &meta)?;
                previous = Some(meta.version);
            }
        }
        let kept = version.attributes.content_type.as_deref();
        let chain = match form {
            Some(form) if kept != Some(form.as_str()) => {
                // In Azure too this is the only way.
                if form != ContentType::Pem {
                    return Err(ObjectError::OtherForm);
                }
                let (kind, version) = (ObjectKind::Certificate, Some(&version.version));
                let facts = self.store.facts(vault.id, kind, name, version).await?.ok_or(ObjectError::Tampered)?;
                self.keyring.verify_name(keys, kind, name, &facts.secret)?;
                let meta = facts.version.as_ref().ok_or(ObjectError::Tampered)?;
                self.keyring.verify_version(keys, kind, name, meta)?;
                Some(meta.certificate.as_ref().ok_or(ObjectError::Tampered)?.chain.clone())
            }
            _ => None,
        };
        Ok(Told { previous, chain })
    }
}

impl Told {
    /// The value as it is to be given, and its media type where that is another than it is kept in.
    pub(crate) fn given(&self, value: SecretText) -> Result<(SecretText, Option<ContentType>), ObjectError> {
        let Some(chain) = &self.chain else { return Ok((value, None)) };
        let document = data_encoding::BASE64.decode(value.expose().as_bytes()).map(Zeroizing::new);
        let document = document.map_err(|_| ObjectError::Tampered)?;
        // None where the key is not exportable: it is in no document.
        let key = strongroom_crypto::x509::private_key_of_pkcs12(&document).map_err(|_| ObjectError::Tampered)?;
        Ok((strongroom_crypto::x509::pem(key.as_ref(), chain), Some(ContentType::Pem)))
    }
}

/// What makes the key and the secret of a version of a certificate out of its private key and its chain.
pub(crate) struct Faces<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) keys: &'a VaultKeys,
    pub(crate) entropy: &'a dyn Entropy,
    /// Unix seconds.
    pub(crate) now: i64,
}

/// One finished version of a certificate: what its key and its secret are made of.
pub(crate) struct Finished<'a> {
    pub(crate) version: &'a ObjectVersion,
    pub(crate) ordinal: i64,
    /// Unix seconds.
    pub(crate) created: i64,
    pub(crate) attributes: &'a SecretAttributes,
    pub(crate) key: &'a KeyProperties,
    pub(crate) certificate: &'a CertificateVersion,
    pub(crate) private: &'a Plaintext,
}

impl Faces<'_> {
    /// Seals something as a version at its place.
    pub(crate) fn seal(
        &self,
        kind: ObjectKind,
        name: &ObjectName,
        mut meta: VersionMeta,
        value: &Plaintext,
    ) -> Result<SealedVersion, ObjectError> {
        let sealed = self.keyring.seal(self.keys, kind, name, &meta.version, value, self.entropy)?;
        meta.data_key_id = sealed.data_key_id;
        meta.tag = self.keyring.tag_version(self.keys, kind, name, &meta)?;
        Ok(SealedVersion { meta, sealed })
    }

    /// The name's row with its tag.
    pub(crate) fn tagged(&self, kind: ObjectKind, mut name: SecretMeta) -> Result<SecretMeta, ObjectError> {
        name.tag = self.keyring.tag_name(self.keys, kind, &name)?;
        Ok(name)
    }

    /// The key and the secret of a version.
    pub(crate) fn version(
        &self,
        name: &ObjectName,
        of: &Finished<'_>,
    ) -> Result<[(ObjectKind, SealedVersion); 2], ObjectError> {
        let meta = |content_type: Option<&str>, key: Option<KeyProperties>| VersionMeta {
            version: of.version.clone(),
            attributes: SecretAttributes { content_type: content_type.map(str::to_owned), ..of.attributes.clone() },
            created: of.created,
            updated: self.now,
            ordinal: of.ordinal,
            data_key_id: [0; 16],
            key: key.map(Box::new),
            certificate: None,
            tag: Vec::new(),
        };
        let form = of.certificate.content_type;
        let document = document(form, of.key.exportable.then_some(of.private), &of.certificate.chain, name)?;
        let key = self.seal(ObjectKind::Key, name, meta(None, Some(of.key.clone())), of.private)?;
        let secret = self.seal(ObjectKind::Secret, name, meta(Some(form.as_str()), None), &document)?;
        Ok([(ObjectKind::Key, key), (ObjectKind::Secret, secret)])
    }

    /// What is written of the name of a key or a secret when versions are added to it.
    pub(crate) fn companion(
        &self,
        kind: ObjectKind,
        name: &ObjectName,
        before: Option<&SecretFacts>,
        current: &ObjectVersion,
        new: Vec<SealedVersion>,
    ) -> Result<NameWrite, ObjectError> {
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let row = SecretMeta {
            name: before.map_or_else(|| name.clone(), |facts| facts.secret.name.clone()),
            life: LifeState::Active,
            current: current.clone(),
            revision: before.map_or_else(|| first_revision(random), |facts| facts.secret.revision + 1),
            managed: true,
            certificate: None,
            // The certificate says when it is renewed, and its key with it.
            rotation: None,
            tag: Vec::new(),
        };
        let judged = before.map(|facts| facts.secret.revision);
        Ok(NameWrite { kind, judged, name: self.tagged(kind, row)?, new, updated: Vec::new() })
    }
}

/// What the secret of a certificate gives out.
fn document(
    form: ContentType,
    private: Option<&Plaintext>,
    chain: &[Vec<u8>],
    name: &ObjectName,
) -> Result<Plaintext, ObjectError> {
    use strongroom_crypto::x509::{pem, pkcs12};
    match form {
        ContentType::Pem => Ok(pem(private, chain).into_plaintext()),
        ContentType::Pkcs12 => {
            let bytes = pkcs12(private, chain, name.display()).map_err(|_| ObjectError::Unavailable)?;
            let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
            data_encoding::BASE64.encode_append(bytes.expose(), &mut text);
            Ok(Plaintext::new(text.into_bytes()))
        }
    }
}
