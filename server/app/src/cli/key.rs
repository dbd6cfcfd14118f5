//! `strongroom key`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ChangedAttributes, LifeCommand, NewAttributes, VaultAt, Versioned};

/// `strongroom key`
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    #[command(flatten)]
    Life(LifeCommand),
    /// Make a key, or a new version of one.
    Create {
        /// Name of the key.
        name: String,
        #[command(flatten)]
        key: KeyGiven,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Take in a private key from a PEM or DER file (PKCS#8, PKCS#1, SEC 1) or a JSON Web Key.
    Import {
        /// Name of the key.
        name: String,
        /// File with the key; `-` for standard input.
        #[arg(long)]
        file: PathBuf,
        /// File with the password that the key is encrypted with (PKCS#8); none when absent.
        #[arg(long)]
        password_file: Option<PathBuf>,
        /// What it may be used for: encrypt, decrypt, sign, verify, wrapKey or unwrapKey; may be given several times. What
        /// is usual for its type when absent.
        #[arg(long = "op")]
        operations: Vec<String>,
        /// Take it in, in software, although the version that is there now is in the hardware token.
        #[arg(long)]
        leave_hardware: bool,
        #[command(flatten)]
        attributes: NewAttributes,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show what is known of a key; all of it with `--output json`.
    Get {
        #[command(flatten)]
        key: Versioned,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Change what a version may be used for and when, disable or enable it, or replace its tags.
    Update {
        #[command(flatten)]
        key: Versioned,
        #[command(flatten)]
        change: ChangedAttributes,
        /// What it may be used for from now on, in place of what it may: encrypt, decrypt, sign, verify, wrapKey or
        /// unwrapKey; may be given several times.
        #[arg(long = "op")]
        operations: Vec<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Make a new version of the same kind, for the same use; old versions go on decrypting.
    Rotate {
        /// Name of the key.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// When a key gets a new version by itself.
    #[command(subcommand)]
    RotationPolicy(RotationCommand),
    /// Sign a file: the signature goes to standard output or to a file. Hashed here; the file is not sent.
    ///
    /// An elliptic signature is written as r and s one behind the other, as Azure and JSON Web Signatures have it;
    /// OpenSSL takes it with `--format der`. With `--output json` it is written with the version that signed, as `key
    /// verify` takes it too.
    Sign {
        #[command(flatten)]
        key: Versioned,
        /// Algorithm, for example ES256 or PS256.
        #[arg(long)]
        algorithm: String,
        /// Form of an elliptic signature. OpenSSL and X.509 want `der`; Azure, and JSON Web Signatures, have `raw`. Other
        /// signatures have one form alone.
        #[arg(long, value_enum, default_value = "raw")]
        format: SignatureForm,
        #[command(flatten)]
        through: Through,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Verify a signature over a file; ends with 3 when it is not the key's.
    Verify {
        #[command(flatten)]
        key: Versioned,
        /// Algorithm, for example ES256 or PS256.
        #[arg(long)]
        algorithm: String,
        /// File with the signature, as `key sign` wrote it. With `--output json` it wrote which version signed, which
        /// then verifies.
        #[arg(long)]
        signature: PathBuf,
        /// Form of an elliptic signature: `der` is what OpenSSL writes.
        #[arg(long, value_enum, default_value = "raw")]
        format: SignatureForm,
        /// File that was signed; `-` or nothing for standard input.
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Encrypt a short file, with an RSA or a symmetric key: by RSA-OAEP-256, or A256GCM (A128, A192), for example.
    Encrypt(SealArgs),
    /// Decrypt what `key encrypt` wrote, by the version that encrypted it; or bare bytes, with `--format raw`.
    Decrypt(OpenArgs),
    /// Wrap another key, with an RSA or a symmetric key: by RSA-OAEP-256, or A256KW (A128, A192), for example.
    Wrap(SealArgs),
    /// Unwrap what `key wrap` wrote, by the version that wrapped it; or bare bytes, with `--format raw`.
    Unwrap(OpenArgs),
    /// Write the public half of a key.
    Export {
        #[command(flatten)]
        key: Versioned,
        /// In which form.
        #[arg(long, value_enum, default_value = "pem")]
        format: PublicForm,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// `strongroom key rotation-policy`
#[derive(Subcommand)]
pub(crate) enum RotationCommand {
    /// Show the policy of a key.
    Show {
        /// Name of the key.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Change the policy of a key: what is not said stays as it is. Durations are in the form of ISO 8601: P90D, P1Y6M.
    Set {
        /// Name of the key.
        name: String,
        #[command(flatten)]
        policy: RotationGiven,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// What of a rotation policy is to be changed.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct RotationGiven {
    /// Make a new version so long after the current one was made.
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["rotate_before_expiry", "no_rotate"])]
    pub(crate) rotate_after: Option<String>,
    /// Make a new version so long before the current one ends.
    #[arg(long, value_name = "DURATION", conflicts_with = "no_rotate")]
    pub(crate) rotate_before_expiry: Option<String>,
    /// Make no new version by itself.
    #[arg(long)]
    pub(crate) no_rotate: bool,
    /// Put on record that a version ends so long before it does. A policy always has a notice, P30D unless said.
    #[arg(long, value_name = "DURATION")]
    pub(crate) notify_before_expiry: Option<String>,
    /// How long versions that a rotation makes last.
    #[arg(long, value_name = "DURATION", conflicts_with = "no_expiry")]
    pub(crate) expiry: Option<String>,
    /// Versions that a rotation makes last without end.
    #[arg(long)]
    pub(crate) no_expiry: bool,
}

/// A key that is to be made.
#[derive(Args)]
pub(crate) struct KeyGiven {
    /// Type: RSA, EC or oct; RSA-HSM, EC-HSM or oct-HSM in the hardware token of the server, if it has one. Without it,
    /// that of the version that is there now, or else EC.
    #[arg(long = "type")]
    pub(crate) kty: Option<String>,
    /// Bits, of RSA (2048, 3072, 4096) or oct (128, 192, 256).
    #[arg(long)]
    pub(crate) size: Option<u64>,
    /// Curve, of EC: P-256, P-256K, P-384 or P-521.
    #[arg(long)]
    pub(crate) curve: Option<String>,
    /// What it may be used for: encrypt, decrypt, sign, verify, wrapKey or unwrapKey; may be given several times. What is
    /// usual for its type when absent.
    #[arg(long = "op")]
    pub(crate) operations: Vec<String>,
    /// Make a version in software although the one that is there now is in the hardware token.
    #[arg(long)]
    pub(crate) leave_hardware: bool,
    #[command(flatten)]
    pub(crate) attributes: NewAttributes,
}

/// Where bytes come from and where they go.
#[derive(Args)]
pub(crate) struct Through {
    /// File to read; `-` or nothing for standard input.
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// File to write, which must not be there; standard output when absent.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// Encrypting or wrapping.
#[derive(Args)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    pub(crate) key: Versioned,
    /// Algorithm.
    #[arg(long)]
    pub(crate) algorithm: String,
    /// What is written: all that undoing it takes, in JSON, or the bytes alone, which is enough for RSA and A*KW.
    #[arg(long, value_enum, default_value = "json")]
    pub(crate) format: SealedForm,
    #[command(flatten)]
    pub(crate) through: Through,
    #[command(flatten)]
    pub(crate) at: VaultAt,
}

/// Decrypting or unwrapping.
#[derive(Args)]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    pub(crate) key: Versioned,
    /// Algorithm; the one that the file names when absent.
    #[arg(long, required_if_eq("format", "raw"))]
    pub(crate) algorithm: Option<String>,
    /// What is read: the JSON of this command's pair, or bare bytes, as OpenSSL writes them (RSA and A*KW).
    #[arg(long, value_enum, default_value = "json")]
    pub(crate) format: SealedForm,
    #[command(flatten)]
    pub(crate) through: Through,
    #[command(flatten)]
    pub(crate) at: VaultAt,
}

/// A form of what was encrypted or wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SealedForm {
    /// An object with `alg`, `kid`, `value` in base64url, and `iv` and `tag` where there are any.
    Json,
    /// The bytes alone.
    Raw,
}

/// A form of an elliptic signature. Signatures of RSA keys, and codes of symmetric ones, have one form alone, which
/// OpenSSL takes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignatureForm {
    /// The two numbers one behind the other, each as long as the curve's.
    Raw,
    /// The two numbers as a sequence in ASN.1.
    Der,
}

/// A form of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PublicForm {
    /// `SubjectPublicKeyInfo` in PEM, for OpenSSL and the rest.
    Pem,
    /// JSON Web Key.
    Jwk,
    /// A line of `authorized_keys`.
    Ssh,
}
