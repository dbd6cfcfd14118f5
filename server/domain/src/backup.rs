//! Backups of one object: everything under its name, as one sealed blob that only the vault it came
//! from can open.
//!
//! A blob holds the versions as they are stored, so values stay sealed on their way out and back: no
//! plaintext is in it, not even behind its own seal. It must never be trusted before the keyring has
//! opened it, and what is read from it is bounded before it is allocated.

use serde::{Deserialize, Serialize};
use strongroom_crypto::SealedValue;

use crate::{
    certificate::CertificateState,
    names::{ObjectKind, ObjectName, ObjectVersion},
    secret::{SealedVersion, VersionMeta},
};

/// Most versions of a name that can be backed up (Azure: 500).
pub const MAX_BACKUP_VERSIONS: usize = 500;
/// Longest blob in bytes: 500 versions of the longest value, and their attributes.
pub const MAX_BACKUP_BYTES: usize = strongroom_crypto::MAX_BACKUP_LEN;

/// A name with all its versions, as stored.
#[derive(Debug)]
pub struct Backup {
    /// Of what.
    pub kind: ObjectKind,
    /// Name in the creator's spelling.
    pub name: ObjectName,
    /// The version that a read without version gets.
    pub current: ObjectVersion,
    /// Of a certificate: its policy. Its key and its secret are not in the blob: they are made again from it.
    pub certificate: Option<Box<CertificateState>>,
    /// The versions, the oldest first.
    pub versions: Vec<SealedVersion>,
}

/// A backup is not one, or too long to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backup is malformed or too long")]
pub struct BackupError;

#[derive(Serialize, Deserialize)]
struct Manifest {
    /// Not written of a secret: its backups are older than other kinds.
    #[serde(default = "secret", skip_serializing_if = "is_secret")]
    kind: ObjectKind,
    name: ObjectName,
    current: ObjectVersion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Box<CertificateState>>,
    versions: Vec<Line>,
}

fn secret() -> ObjectKind {
    ObjectKind::Secret
}

fn is_secret(kind: &ObjectKind) -> bool {
    *kind == ObjectKind::Secret
}

#[derive(Serialize, Deserialize)]
struct Line {
    meta: VersionMeta,
    row_format: u16,
    wrapped: usize,
    value: usize,
}

impl Backup {
    /// The version that a read without version gets.
    #[must_use]
    pub fn current(&self) -> Option<&SealedVersion> {
        self.versions.iter().find(|version| version.meta.version == self.current)
    }

    /// `length of the manifest (4 bytes, big endian) ‖ manifest (JSON) ‖ for each version: wrapped
    /// data key ‖ sealed value`.
    ///
    /// # Errors
    /// [`BackupError`] when there are more versions or bytes than can be restored.
    pub fn encode(&self) -> Result<Vec<u8>, BackupError> {
        if self.versions.len() > MAX_BACKUP_VERSIONS {
            return Err(BackupError);
        }
        let line = |version: &SealedVersion| Line {
            meta: version.meta.clone(),
            row_format: version.sealed.row_format,
            wrapped: version.sealed.wrapped_data_key.len(),
            value: version.sealed.ciphertext.len(),
        };
        let versions = self.versions.iter().map(line).collect();
        let manifest = Manifest {
            kind: self.kind,
            name: self.name.clone(),
            current: self.current.clone(),
            certificate: self.certificate.clone(),
            versions,
        };
        let manifest = serde_json::to_vec(&manifest).map_err(|_| BackupError)?;
        let mut bytes = u32::try_from(manifest.len()).map_err(|_| BackupError)?.to_be_bytes().to_vec();
        bytes.extend_from_slice(&manifest);
        for version in &self.versions {
            bytes.extend_from_slice(&version.sealed.wrapped_data_key);
            bytes.extend_from_slice(&version.sealed.ciphertext);
        }
        if bytes.len() > MAX_BACKUP_BYTES { Err(BackupError) } else { Ok(bytes) }
    }

    /// Reads what [`Backup::encode`] wrote.
    ///
    /// # Errors
    /// [`BackupError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, BackupError> {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(BackupError)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BackupError)?;
        let (manifest, mut rest) = rest.split_at_checked(length).ok_or(BackupError)?;
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|_| BackupError)?;
        if manifest.versions.len() > MAX_BACKUP_VERSIONS {
            return Err(BackupError);
        }
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at_checked(length).ok_or(BackupError)?;
            rest = left;
            Ok(taken.to_vec())
        };
        let mut versions: Vec<SealedVersion> = Vec::with_capacity(manifest.versions.len());
        for line in manifest.versions {
            let sealed = SealedValue {
                data_key_id: line.meta.data_key_id,
                wrapped_data_key: take(line.wrapped)?,
                ciphertext: take(line.value)?,
                row_format: line.row_format,
            };
            if versions.iter().any(|known| known.meta.version == line.meta.version) {
                return Err(BackupError);
            }
            versions.push(SealedVersion { meta: line.meta, sealed });
        }
        let backup = Self {
            kind: manifest.kind,
            name: manifest.name,
            current: manifest.current,
            certificate: manifest.certificate,
            versions,
        };
        if rest.is_empty() && backup.current().is_some() { Ok(backup) } else { Err(BackupError) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::secret::SecretAttributes;

    fn version(number: u8, value: &[u8]) -> SealedVersion {
        let attributes = SecretAttributes {
            enabled: true,
            not_before: None,
            expires: Some(9),
            content_type: None,
            tags: BTreeMap::from([("owner".to_owned(), "Zoë".to_owned())]),
        };
        let meta = VersionMeta {
            version: ObjectVersion::from_bytes([number; 16]),
            attributes,
            created: 5,
            updated: 6,
            ordinal: i64::from(number),
            data_key_id: [number; 16],
            key: None,
            certificate: None,
            tag: Vec::new(),
        };
        let sealed = SealedValue {
            data_key_id: [number; 16],
            wrapped_data_key: vec![number; 61],
            ciphertext: value.to_vec(),
            row_format: 1,
        };
        SealedVersion { meta, sealed }
    }

    fn backup(values: &[Vec<u8>]) -> Backup {
        let versions: Vec<_> = (1..).zip(values).map(|(number, value)| version(number, value)).collect();
        let current = versions.last().unwrap().meta.version.clone();
        let name = ObjectName::parse("Db-Password").unwrap();
        Backup { kind: ObjectKind::Secret, name, current, certificate: None, versions }
    }

    #[test]
    fn there_is_a_bound() {
        let mut many = backup(&[b"x".to_vec()]);
        many.versions = std::iter::repeat_n(many.versions[0].clone(), MAX_BACKUP_VERSIONS + 1).collect();
        assert_eq!(many.encode(), Err(BackupError));
        assert_eq!(backup(&[vec![0; MAX_BACKUP_BYTES]]).encode(), Err(BackupError));
        let full = backup(&vec![vec![0; 25_628]; 250]);
        assert!(full.encode().is_ok());
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_none() {
        let one = backup(&[b"x".to_vec(), b"y".to_vec()]);
        let twice = Backup { versions: vec![one.versions[0].clone(), one.versions[0].clone()], ..backup(&[vec![]]) };
        assert!(Backup::decode(&twice.encode().unwrap()).is_err(), "one version twice");
        let nowhere = Backup { current: ObjectVersion::from_bytes([9; 16]), ..backup(&[b"x".to_vec()]) };
        assert!(Backup::decode(&nowhere.encode().unwrap()).is_err(), "a current version that is not there");
        let mut longer = one.encode().unwrap();
        longer.push(0);
        assert!(Backup::decode(&longer).is_err(), "something behind the end");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..9)) {
            let written = backup(&values);
            let bytes = written.encode().unwrap();
            let read = Backup::decode(&bytes).unwrap();
            prop_assert_eq!((read.name.display(), &read.current), ("Db-Password", &written.current));
            prop_assert_eq!(read.versions.len(), values.len());
            for (a, b) in read.versions.iter().zip(&written.versions) {
                prop_assert_eq!((&a.meta, &a.sealed), (&b.meta, &b.sealed));
            }
            for cut in 0..bytes.len() {
                prop_assert!(Backup::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn nothing_makes_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Backup::decode(&bytes);
        }
    }
}
