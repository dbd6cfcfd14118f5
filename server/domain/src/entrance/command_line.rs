//! Sessions of the command line: a person who is signed in lets a program on their machine act as them, for an hour.
//!
//! The program sends the browser here with an address of its own on loopback (RFC 8252, section 7.3) and the hash
//! of a verifier (RFC 7636). When the person allows it, the browser brings a code back, and the program exchanges
//! code and verifier for the session's token. A code counts for a minute, once, with the verifier alone, and while
//! the session that it was allowed from stands; nothing is stored before. Must never send a code anywhere but to loopback, and never take a session's cookie for its
//! token or the other way round.

use std::{net::IpAddr, sync::Arc};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Plaintext, SecretText, sha256};
use url::{Host, Url};
use zeroize::Zeroize;

use super::{CredentialError, Entrance, EntranceError};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::Case,
    identity::{Begun, Session, UsedAssertion},
    principal::Principal,
    record::Record,
    throttle::network_of,
};

/// What a session's token begins with.
pub const TOKEN_PREFIX: &str = "srp_";
/// How long a session of the command line lasts, in seconds.
pub const COMMAND_LINE_SECONDS: i64 = 3600;
/// How long a code may be exchanged, in milliseconds.
pub const CODE_MILLIS: i64 = 60_000;
/// The path that a program listens at.
pub const LOOPBACK_PATH: &str = "/callback";
/// Longest code, and longest token, that are looked at, in bytes.
const MAX_CODE: usize = 16 * 1024;
/// Under which codes are sealed.
const CODE_LABEL: &str = "command-line-code";
/// Set before a code's seed is hashed, by which a code that was exchanged is remembered.
const CODE_HASHED_WITH: &[u8] = b"command-line-code\0";
/// Set before a token is hashed: cookies cannot hold it, so no cookie is ever taken for a token.
const HASHED_WITH: &[u8] = b"command-line\0";

/// What a program asks a person for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLineRequest {
    /// Where the program waits, on loopback.
    pub redirect_uri: String,
    /// SHA-256 of the program's verifier, in base64url (RFC 7636, `S256`).
    pub challenge: String,
    /// What the program tells its own request by.
    pub state: String,
}

/// A program asks for something that no program of ours asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineRequestError {
    /// Not `http://127.0.0.1:PORT/callback` or `http://[::1]:PORT/callback`.
    #[error("the address to come back to is not http://127.0.0.1:PORT/callback")]
    Address,
    /// Not a SHA-256 in base64url.
    #[error("code_challenge is not a SHA-256 in base64url")]
    Challenge,
    /// Too short, too long, or other characters.
    #[error("state has 16 to 128 characters of base64url")]
    State,
}

impl CommandLineRequest {
    /// Checks what a program asks.
    ///
    /// # Errors
    /// [`CommandLineRequestError`].
    pub fn check(redirect_uri: &str, challenge: &str, state: &str) -> Result<Self, CommandLineRequestError> {
        if !is_loopback(redirect_uri) {
            return Err(CommandLineRequestError::Address);
        }
        if BASE64URL_NOPAD.decode(challenge.as_bytes()).ok().is_none_or(|hash| hash.len() != 32) {
            return Err(CommandLineRequestError::Challenge);
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(16..=128).contains(&state.len()) || !state.chars().all(good) {
            return Err(CommandLineRequestError::State);
        }
        let owned = str::to_owned;
        Ok(Self { redirect_uri: owned(redirect_uri), challenge: owned(challenge), state: owned(state) })
    }

    /// Eight characters that the program shows and the page shows, for the person to compare: a request that
    /// somebody else began shows others.
    #[must_use]
    pub fn comparison(&self) -> String {
        comparison(&self.challenge)
    }
}

/// See [`CommandLineRequest::comparison`].
#[must_use]
pub fn comparison(challenge: &str) -> String {
    let mut text = BASE32_NOPAD.encode(&sha256(challenge.as_bytes()));
    text.truncate(8);
    text.insert(4, '-');
    text
}

/// Whether a text is, byte by byte, an address on loopback with a port and the path that programs listen at.
fn is_loopback(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let (Some(port), Some(host)) = (url.port(), url.host()) else { return false };
    let address = match host {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return false,
    };
    let written = match address {
        IpAddr::V4(address) => format!("http://{address}:{port}{LOOPBACK_PATH}"),
        IpAddr::V6(address) => format!("http://[{address}]:{port}{LOOPBACK_PATH}"),
    };
    port != 0
        && [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])].contains(&address)
        && written == text
}

/// What a code holds, sealed.
#[derive(Serialize, Deserialize)]
struct Code {
    /// Makes the session's token, together with a key of the installation.
    seed: [u8; 32],
    /// Hash of the dashboard session that it was allowed from.
    allowed_from: [u8; 32],
    principal: Principal,
    display_name: String,
    redirect_uri: String,
    challenge: String,
    created: i64,
    provider_session: Option<String>,
    authenticated: Option<i64>,
}

/// A session that has begun. Has no `Debug`: it holds the token.
pub struct CommandLineSession {
    /// What the program presents as a bearer token.
    pub token: SecretText,
    /// Whose it is.
    pub session: Session,
}

fn hash(token: &str) -> [u8; 32] {
    sha256(&[HASHED_WITH, token.as_bytes()].concat())
}

impl Entrance {
    /// Gives the code that lets a program act as the person of this session.
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn allow_command_line(
        &self,
        ctx: &RequestContext,
        session: &Session,
        asked: &CommandLineRequest,
    ) -> Result<SecretText, EntranceError> {
        let mut code = Code {
            seed: [0; 32],
            allowed_from: session.id_hash,
            principal: session.principal.clone(),
            display_name: session.display_name.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            created: ctx.now,
            provider_session: session.provider_session.clone(),
            authenticated: session.authenticated,
        };
        self.entropy.fill(&mut code.seed).map_err(|_| EntranceError::Unavailable)?;
        let plain = serde_json::to_vec(&code).map(Plaintext::new).map_err(|_| EntranceError::Unavailable)?;
        code.seed.zeroize();
        let sealed = self.keyring.seal_passing(CODE_LABEL, &plain, &*self.entropy)?;
        let code = SecretText::new(BASE64URL_NOPAD.encode(&sealed));
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::SessionChange);
        "CommandLineAllow".clone_into(&mut record.operation);
        self.recorder.release(ctx, record, permit.hold(Ok(code))).await?
    }

    /// Exchanges a code, with the verifier behind it, for a session.
    ///
    /// # Errors
    /// [`EntranceError`]; [`CredentialError::Invalid`] for whatever is wrong with code or verifier.
    pub async fn begin_command_line(
        &self,
        ctx: &RequestContext,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<CommandLineSession, EntranceError> {
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::SessionChange);
        "CommandLineSignIn".clone_into(&mut record.operation);
        let code = match self.open_code(code, verifier, redirect_uri, ctx.now) {
            // Who was signed out, by themselves or by somebody else, is not signed in again by what they allowed.
            Some(code) => self.find_session(&code.allowed_from, ctx.now).await?.map(|_| code),
            None => None,
        };
        let Some(code) = code else {
            // Only who is refused is held to the rate, as at the token endpoint.
            self.rates.refused_address.check(&network_of(ctx.client), ctx.now)?;
            return Err(self.refuse_code(ctx, record, permit).await);
        };
        self.make_room(ctx, &code.principal, Some(&code.allowed_from)).await?;
        let token = BASE64URL_NOPAD.encode(&self.keyring.command_line_token(&code.seed));
        let token = SecretText::new(format!("{TOKEN_PREFIX}{token}"));
        let created = ctx.seconds();
        let mut session = Session {
            id_hash: hash(token.expose()),
            principal: code.principal,
            display_name: code.display_name,
            created,
            expires: created.saturating_add(COMMAND_LINE_SECONDS),
            provider_session: code.provider_session,
            authenticated: code.authenticated,
            begun: Some(Begun { client: ctx.client.to_canonical(), command_line: true, program: None }),
            tag: Vec::new(),
        };
        session.tag = self.keyring.tag_session(&session)?;
        record.principal = Some(session.principal.id.clone());
        session.principal.kind.as_str().clone_into(&mut record.principal_kind);
        let change = Change::BeginCommandLine {
            session: Box::new(session.clone()),
            code: UsedAssertion {
                id_hash: sha256(&[CODE_HASHED_WITH, code.seed.as_slice()].concat()),
                used: created,
                expires: code.created.saturating_add(CODE_MILLIS).div_euclid(1000).saturating_add(1),
            },
            allowed_from: code.allowed_from,
        };
        let (change, held) = permit.apply(change, CommandLineSession { token, session }).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            EntranceError::Unavailable
        })?;
        // The code was exchanged before, or what it was allowed from ended meanwhile. The edge records the refusal.
        self.recorder.commit(ctx, record, change, held).await?.ok_or(CredentialError::Invalid.into())
    }

    async fn refuse_code(&self, ctx: &RequestContext, record: Record, permit: crate::permit::Permit) -> EntranceError {
        // Within the rate or not: the answer to this one is the same.
        let _ = self.rates.refused_address.count(&network_of(ctx.client), ctx.now);
        let invalid = EntranceError::from(CredentialError::Invalid);
        if !self.flood.admit(ctx.now) {
            return invalid;
        }
        match self.recorder.release(ctx, record, permit.hold(Err::<(), _>(invalid))).await {
            Ok(Err(why)) => why,
            Ok(Ok(())) => EntranceError::Unavailable,
            Err(no_record) => no_record.into(),
        }
    }

    fn open_code(&self, code: &str, verifier: &str, redirect_uri: &str, now: i64) -> Option<Code> {
        if code.len() > MAX_CODE || !(43..=128).contains(&verifier.len()) {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(code.as_bytes()).ok()?;
        let opened = self.keyring.open_passing(CODE_LABEL, &sealed).ok()?;
        let code: Code = serde_json::from_slice(opened.expose()).ok()?;
        let in_time = now.checked_sub(code.created).is_some_and(|age| (0..CODE_MILLIS).contains(&age));
        // The challenge is no secret: whoever has the code may have seen it.
        let proven = BASE64URL_NOPAD.encode(&sha256(verifier.as_bytes())) == code.challenge;
        (in_time && proven && redirect_uri == code.redirect_uri).then_some(code)
    }

    /// The session behind a token, if it is one of ours and not over.
    ///
    /// # Errors
    /// [`EntranceError::Unavailable`].
    pub async fn command_line_session(
        &self,
        token: &str,
        now_millis: i64,
    ) -> Result<Option<Arc<Session>>, EntranceError> {
        if token.len() > MAX_CODE || !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        self.find_session(&hash(token), now_millis).await
    }

    /// Ends the session of the command line, at once.
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn end_command_line(&self, ctx: &RequestContext, session: &Session) -> Result<(), EntranceError> {
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::SessionChange);
        "CommandLineSignOut".clone_into(&mut record.operation);
        self.change(ctx, permit, record, Change::EndSession { id_hash: session.id_hash }, ()).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn check(uri: &str) -> Result<CommandLineRequest, CommandLineRequestError> {
        CommandLineRequest::check(uri, CHALLENGE, "0123456789abcdef")
    }

    #[test]
    fn a_code_goes_to_loopback_alone() {
        for good in ["http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]:4000/callback"] {
            assert_eq!(check(good).unwrap().redirect_uri, good);
        }
        for bad in [
            "",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:080/callback",
            "http://127.0.0.1:4000",
            "http://127.0.0.1:4000/",
            "http://127.0.0.1:4000/callback/",
            "http://127.0.0.1:4000/callback?x",
            "http://127.0.0.1:4000/callback#x",
            "http://x@127.0.0.1:4000/callback",
            "http://127.0.0.1:4000/%63allback",
            "https://127.0.0.1:4000/callback",
            "http://127.0.0.2:4000/callback",
            "http://0x7f.1:4000/callback",
            "http://2130706433:4000/callback",
            "http://localhost:4000/callback",
            "http://127.0.0.1.evil.example:4000/callback",
            "http://evil.example:4000/callback",
            "http://[::ffff:127.0.0.1]:4000/callback",
            "http://[0:0:0:0:0:0:0:1]:4000/callback",
            "http://192.168.0.1:4000/callback",
            " http://127.0.0.1:4000/callback",
            "HTTP://127.0.0.1:4000/callback",
            "javascript:alert(1)",
        ] {
            assert_eq!(check(bad), Err(CommandLineRequestError::Address), "{bad}");
        }
    }

    #[test]
    fn challenge_and_state_have_their_shape() {
        let uri = "http://127.0.0.1:4000/callback";
        let state = "0123456789abcdef";
        for bad in ["", "short", &CHALLENGE[1..], &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+")] {
            let refused = CommandLineRequest::check(uri, bad, state);
            assert_eq!(refused, Err(CommandLineRequestError::Challenge), "{bad}");
        }
        for bad in ["", "short", &"x".repeat(129), "0123456789abcde&", "0123456789abcdé0"] {
            let refused = CommandLineRequest::check(uri, CHALLENGE, bad);
            assert_eq!(refused, Err(CommandLineRequestError::State), "{bad}");
        }
    }

    #[test]
    fn people_compare_eight_characters() {
        let text = check("http://127.0.0.1:1/callback").unwrap().comparison();
        assert_eq!((text.len(), text.as_bytes()[4]), (9, b'-'));
        assert_ne!(text, comparison("another"));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_loopback(
            text in prop_oneof!["\\PC{0,40}", "http://[0-9a-z.:\\[\\]@%]{1,24}/callback", "http://127.0.0.1[:@.][0-9a-z.]{1,12}/callback"]
        ) {
            if is_loopback(&text) {
                let url = Url::parse(&text).unwrap();
                prop_assert!(["127.0.0.1", "[::1]"].contains(&url.host_str().unwrap()), "{}", text);
                prop_assert_eq!((url.username(), url.password(), url.path()), ("", None, LOOPBACK_PATH));
                prop_assert_eq!(url.as_str(), text);
            }
        }
    }
}
