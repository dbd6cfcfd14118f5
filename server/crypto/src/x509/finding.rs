//! What can be wrong with a certificate or a chain, in sentences for people.

/// What is wrong with a certificate, or with its place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// An RSA key of too few bits.
    #[error("its key is weak: RSA of {0} bits")]
    WeakKey(usize),
    /// Signed over a hash that is broken.
    #[error("its signature is weak: {0}")]
    WeakSignature(&'static str),
    /// The signature is not its issuer's.
    #[error("its signature is not by the key of the certificate that it names as its issuer")]
    ForeignSignature,
    /// Whoever signed it may not.
    #[error("its issuer is no certificate authority")]
    IssuerIsNoAuthority,
    /// An algorithm that nothing here verifies.
    #[error("its signature is not checked: {0} is not known here")]
    Unchecked(String),
    /// A key usage that is an authority's, of what is none.
    #[error("its key usage is for signing certificates, and it is no certificate authority")]
    SignsWithoutAuthority,
    /// An authority without the key usage of one.
    #[error("it is a certificate authority whose key usage is not for signing certificates")]
    MayNotSign,
    /// More authorities below it than it allows.
    #[error("more authorities stand below it than the {0} that its path length allows")]
    PathTooLong(u32),
    /// A name that an authority above it may not certify.
    #[error("it has a name that is outside of the name constraints of {0}")]
    OutsideConstraints(String),
    /// Nothing here can tell whether its names may be certified.
    #[error(
        "whether its names are within the name constraints of {0} is not checked: they are of a kind that is not known here"
    )]
    UnknownConstraints(String),
    /// The chain ends before a root.
    #[error("its issuer is not here: the chain is incomplete for whoever does not have it")]
    Incomplete,
    /// Whoever signed it was signed by it, or by what it signed.
    #[error("the chain goes in a circle: its issuer stands before it, and there is no root")]
    Circle,
    /// Not behind the certificate that it signed.
    #[error("it does not stand behind the certificate that it signed: the chain is out of order")]
    OutOfOrder,
    /// It signed none of the others.
    #[error("it does not belong to the chain")]
    Stray,
    /// A name that it does not have.
    #[error("it is not for {0}")]
    OtherName(String),
    /// Whoever signed it took it back.
    #[error("it was revoked on {0}")]
    Revoked(String),
    /// Nobody knows whether it was taken back.
    #[error("whether it was revoked is not known: the list that it names cannot be read")]
    RevocationUnknown,
    /// The private key is another certificate's.
    #[error("the private key beside it is for another certificate")]
    OtherKey,
}
