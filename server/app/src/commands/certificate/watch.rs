//! `strongroom certificate watch`: files that have the current version of a certificate, and a command that is run when
//! they have another one. A server that does not answer changes nothing: what is there stays until there is better.

use std::{
    ffi::OsString,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, bail};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::Method;
use strongroom_crypto::{Entropy as _, SystemEntropy, x509::thumbprint};
use strongroom_domain::time::Clock as _;
use zeroize::Zeroizing;

use super::{
    connect,
    place::{Bundle, Keeper, Place},
    text, waits,
};
use crate::{
    cli::{VaultAt, certificate::Watched},
    client::of_certificate,
    clock::SystemClock,
};

/// The first pause after a failure; each further one is twice as long, up to the usual one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// How often is looked whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the credential of this program is called; the command has no use for it.
const CREDENTIAL: &str = "AZURE_CLIENT_SECRET";

pub(super) async fn run(name: &str, watched: &Watched, at: &VaultAt) -> anyhow::Result<()> {
    let place = match (&watched.file, &watched.folder) {
        (Some(file), _) => Place::File(file.clone()),
        (None, Some(folder)) => Place::Folder(folder.clone()),
        (None, None) => bail!("give --file FILE or --folder FOLDER"),
    };
    let keeper = Keeper::open(place, watched.mode)?;
    if watched.once {
        return look(name, watched, &keeper, at).await;
    }
    let mut failures = 0;
    loop {
        match look(name, watched, &keeper, at).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                eprintln!("{name}: {error:#}; what is there stays");
            }
        }
        let mut random = [0; 4];
        SystemEntropy.fill(&mut random)?;
        tokio::time::sleep(pause(Duration::from_secs(watched.every), failures, u32::from_le_bytes(random))).await;
    }
}

/// One look: what is new is put in its place, and who uses it told.
async fn look(name: &str, watched: &Watched, keeper: &Keeper, at: &VaultAt) -> anyhow::Result<()> {
    let new = if let Some((bundle, version)) = newer(name, keeper, at).await? {
        warn(name, &bundle);
        keeper.put(&bundle, &version)?;
        eprintln!("{name}: version {version} is in {} now", keeper.path().display());
        true
    } else {
        false
    };
    // Also when an earlier run could not tell them.
    if !watched.hook.is_empty() && (new || keeper.is_untold()) {
        let mut told = start(name, &watched.hook, keeper)?;
        let ended = within(&mut told, Duration::from_secs(watched.hook_seconds)).await?;
        if !ended.success() {
            bail!("the command ended with {ended}, and is run again");
        }
    }
    keeper.told()
}

/// The current version, unless it is the one that is there.
async fn newer(name: &str, keeper: &Keeper, at: &VaultAt) -> anyhow::Result<Option<(Bundle, String)>> {
    let vault = connect(at).await?;
    let shown = vault.send(Method::GET, &["certificates", name], None).await?;
    if waits(&shown) {
        bail!("it waits for its authority, and there is no version of it yet");
    }
    let there = keeper.there().map(|bundle| BASE64URL_NOPAD.encode(&thumbprint(bundle.leaf())));
    if there.is_some_and(|there| there == text(&shown, "/x5t")) {
        return Ok(None);
    }
    let id = text(&shown, "/id");
    let version = id.rsplit('/').next().unwrap_or_default();
    let value = vault.value(name, Some(version)).await.map_err(|refused| of_certificate(refused, name))?;
    let bytes = if value.starts_with("-----BEGIN ") {
        Zeroizing::new(value.as_bytes().to_vec())
    } else {
        Zeroizing::new(BASE64.decode(value.as_bytes()).context("the secret is no PFX in base64")?)
    };
    let bundle = Bundle::read(bytes)?;
    if BASE64.encode(bundle.leaf()) != text(&shown, "/cer") {
        bail!("the secret of version {version} holds another certificate");
    }
    Ok(Some((bundle, version.to_owned())))
}

/// It is taken all the same: whoever manages the vault decides what is served.
fn warn(name: &str, bundle: &Bundle) {
    let now = SystemClock::new().now_millis().div_euclid(1000);
    let found = strongroom_crypto::x509::inspect(bundle.chain(), None, now).unwrap_or_default();
    for certificate in found {
        for finding in &certificate.findings {
            eprintln!("{name}: {}: {finding}", crate::plain::plain(&certificate.subject));
        }
    }
}

fn start(name: &str, hook: &[OsString], keeper: &Keeper) -> anyhow::Result<Child> {
    let (program, arguments) = hook.split_first().context("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env_remove(CREDENTIAL);
    command.env("STRONGROOM_CERTIFICATE", name).env("STRONGROOM_CERTIFICATE_PATH", keeper.path());
    command.spawn().with_context(|| format!("{} cannot be run", program.to_string_lossy()))
}

/// Waits for a command, and ends one that takes too long.
async fn within(child: &mut Child, most: Duration) -> anyhow::Result<ExitStatus> {
    let ended = async {
        loop {
            if let Some(ended) = child.try_wait()? {
                return anyhow::Ok(ended);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if let Ok(ended) = tokio::time::timeout(most, ended).await {
        return ended;
    }
    child.kill()?;
    child.wait()?;
    bail!("the command took longer than {} seconds and was ended; it is run again", most.as_secs())
}

/// How long until the next look: a tenth less or more than said, so that many do not come at once.
fn pause(every: Duration, failures: u32, random: u32) -> Duration {
    let longer = failures.checked_sub(1).map(|again| FIRST_PAUSE.saturating_mul(1 << again.min(16)));
    let usual = longer.map_or(every, |longer| longer.min(every));
    usual.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_and_differ() {
        let hour = Duration::from_secs(3600);
        let between = |failures: u32| (pause(hour, failures, 0), pause(hour, failures, u32::MAX));
        assert_eq!(between(0), (hour.mul_f64(0.9), hour.mul_f64(1.1)));
        assert_eq!(between(1).0, Duration::from_millis(4500));
        assert_eq!(between(2).1, Duration::from_secs(11));
        assert_eq!(between(u32::MAX), between(0), "never longer than without one");
        assert_eq!(pause(Duration::from_secs(2), 9, 0), Duration::from_millis(1800));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended() {
        let mut endless = Command::new("sleep").arg("600").spawn().unwrap();
        let ended = within(&mut endless, Duration::ZERO).await.unwrap_err().to_string();
        assert!(ended.contains("was ended"), "{ended}");
        assert!(
            within(&mut Command::new("false").spawn().unwrap(), Duration::from_secs(60)).await.unwrap().code()
                == Some(1)
        );
    }
}
