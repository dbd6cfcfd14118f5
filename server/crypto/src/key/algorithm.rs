//! The algorithms, by their names in JSON Web Algorithms and in Azure Key Vault's additions to them.

use aws_lc_rs::digest;

use super::{Curve, KeySpec};

/// Which type of key an algorithm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// RSA.
    Rsa,
    /// Elliptic curves.
    Ec,
    /// Symmetric keys.
    Oct,
}

impl KeySpec {
    /// The family of the key.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::Ec { .. } => Family::Ec,
            Self::Oct { .. } => Family::Oct,
        }
    }
}

macro_rules! algorithms {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// By its name, exactly as written.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

algorithms! {
    /// An algorithm that signs and verifies.
    SignAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        Rs384 = "RS384",
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        Rs512 = "RS512",
        /// RSASSA-PSS with SHA-256, and a salt as long as the digest.
        Ps256 = "PS256",
        /// RSASSA-PSS with SHA-384.
        Ps384 = "PS384",
        /// RSASSA-PSS with SHA-512.
        Ps512 = "PS512",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// ECDSA on secp256k1 with SHA-256.
        Es256K = "ES256K",
        /// ECDSA on P-384 with SHA-384.
        Es384 = "ES384",
        /// ECDSA on P-521 with SHA-512.
        Es512 = "ES512",
        /// HMAC with SHA-256.
        Hs256 = "HS256",
        /// HMAC with SHA-384.
        Hs384 = "HS384",
        /// HMAC with SHA-512.
        Hs512 = "HS512",
    }
}

algorithms! {
    /// An algorithm that encrypts and decrypts, or wraps and unwraps.
    DataAlgorithm {
        /// RSAES-PKCS1-v1_5.
        Rsa15 = "RSA1_5",
        /// RSAES-OAEP with SHA-1.
        RsaOaep = "RSA-OAEP",
        /// RSAES-OAEP with SHA-256, also in MGF1.
        RsaOaep256 = "RSA-OAEP-256",
        /// AES-GCM.
        A128Gcm = "A128GCM",
        /// AES-GCM.
        A192Gcm = "A192GCM",
        /// AES-GCM.
        A256Gcm = "A256GCM",
        /// AES-CBC without padding.
        A128Cbc = "A128CBC",
        /// AES-CBC without padding.
        A192Cbc = "A192CBC",
        /// AES-CBC without padding.
        A256Cbc = "A256CBC",
        /// AES-CBC with PKCS#7 padding.
        A128CbcPad = "A128CBCPAD",
        /// AES-CBC with PKCS#7 padding.
        A192CbcPad = "A192CBCPAD",
        /// AES-CBC with PKCS#7 padding.
        A256CbcPad = "A256CBCPAD",
        /// AES key wrap (RFC 3394).
        A128Kw = "A128KW",
        /// AES key wrap (RFC 3394).
        A192Kw = "A192KW",
        /// AES key wrap (RFC 3394).
        A256Kw = "A256KW",
    }
}

impl SignAlgorithm {
    /// Whether the algorithm is one of this key. An elliptic key signs with the one hash of its curve.
    #[must_use]
    pub fn fits(self, spec: KeySpec) -> bool {
        use SignAlgorithm::{Es256, Es256K, Es384, Es512, Hs256, Hs384, Hs512};
        match spec {
            KeySpec::Rsa { .. } => self.family() == Family::Rsa,
            KeySpec::Ec { crv } => {
                self == match crv {
                    Curve::P256 => Es256,
                    Curve::P256K => Es256K,
                    Curve::P384 => Es384,
                    Curve::P521 => Es512,
                }
            }
            KeySpec::Oct { .. } => matches!(self, Hs256 | Hs384 | Hs512),
        }
    }

    /// Which type of key it is for.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 | Self::Es256K | Self::Es384 | Self::Es512 => Family::Ec,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Oct,
        }
    }

    pub(super) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Es256K | Self::Hs256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::Hs512 => &digest::SHA512,
        }
    }
}

/// What an algorithm on data does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Rsa,
    Gcm,
    Cbc,
    CbcPad,
    KeyWrap,
}

impl DataAlgorithm {
    /// Whether the algorithm is one of this key.
    #[must_use]
    pub fn fits(self, spec: KeySpec) -> bool {
        match spec {
            KeySpec::Rsa { .. } => self.mode() == Mode::Rsa,
            KeySpec::Ec { .. } => false,
            KeySpec::Oct { bits } => self.mode() != Mode::Rsa && self.key_bits() == bits,
        }
    }

    /// Whether it is AES-CBC, with padding or without.
    #[must_use]
    pub fn is_cbc(self) -> bool {
        matches!(self.mode(), Mode::Cbc | Mode::CbcPad)
    }

    /// Whether it is one of RSA keys.
    #[must_use]
    pub fn is_rsa(self) -> bool {
        self.mode() == Mode::Rsa
    }

    /// Whether data may be encrypted with it.
    #[must_use]
    pub fn encrypts(self) -> bool {
        self.mode() != Mode::KeyWrap
    }

    /// Whether keys may be wrapped with it.
    #[must_use]
    pub fn wraps(self) -> bool {
        matches!(self.mode(), Mode::Rsa | Mode::KeyWrap)
    }

    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Rsa15 | Self::RsaOaep | Self::RsaOaep256 => Mode::Rsa,
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm => Mode::Gcm,
            Self::A128Cbc | Self::A192Cbc | Self::A256Cbc => Mode::Cbc,
            Self::A128CbcPad | Self::A192CbcPad | Self::A256CbcPad => Mode::CbcPad,
            Self::A128Kw | Self::A192Kw | Self::A256Kw => Mode::KeyWrap,
        }
    }

    /// Bits of the AES key; 0 for RSA.
    pub(super) fn key_bits(self) -> u16 {
        match self {
            Self::Rsa15 | Self::RsaOaep | Self::RsaOaep256 => 0,
            Self::A128Gcm | Self::A128Cbc | Self::A128CbcPad | Self::A128Kw => 128,
            Self::A192Gcm | Self::A192Cbc | Self::A192CbcPad | Self::A192Kw => 192,
            Self::A256Gcm | Self::A256Cbc | Self::A256CbcPad | Self::A256Kw => 256,
        }
    }
}
