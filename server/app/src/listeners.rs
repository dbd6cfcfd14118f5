//! Listeners by configuration: bound before anything else is opened, so that a taken address is told
//! at once. Refuses what would serve plain HTTP on a network or trust everybody's word.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use strongroom_http::server::{ForwardedHeader, Limits, Listener, Socket};

use crate::config;

/// Most listeners.
const MOST: usize = 16;
/// Names that records use for what does not come over a listener.
const RESERVED: [&str; 2] = ["internal", "local"];

/// Everything that is listened on.
pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) limits: Limits,
    /// Files of Unix sockets, removed when the server stops.
    pub(crate) files: Vec<PathBuf>,
    /// Where, for people.
    pub(crate) shown: String,
}

impl Bound {
    /// One TCP listener `main` with the usual limits.
    pub(crate) fn single(socket: TcpListener, tls: &Arc<rustls::ServerConfig>) -> Self {
        let shown = socket.local_addr().map_or_else(|_| "main".to_owned(), |address| address.to_string());
        Self { listeners: vec![main(socket, tls)], limits: Limits::default(), files: Vec::new(), shown }
    }

    /// What a configuration says.
    pub(crate) fn of(
        listen: Option<SocketAddr>,
        listeners: Vec<config::Listener>,
        limits: &config::Limits,
        tls: &Arc<rustls::ServerConfig>,
    ) -> anyhow::Result<Self> {
        let limits = limits_of(limits)?;
        if listeners.is_empty() {
            let address = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8443)));
            return Ok(Self { limits, ..Self::single(bind(address)?, tls) });
        }
        ensure!(listen.is_none(), "`listen` and [[listeners]] do not go together: give the address to a listener");
        ensure!(listeners.len() <= MOST, "there are more than {MOST} [[listeners]]");
        let mut bound = Self { listeners: Vec::new(), limits, files: Vec::new(), shown: String::new() };
        for listener in listeners {
            ensure!(
                bound.listeners.iter().all(|other| other.name != listener.name),
                "two listeners are named {}",
                listener.name
            );
            let name = listener.name.clone();
            let (listener, shown) =
                open(listener, tls, &mut bound.files).with_context(|| format!("the listener {name}"))?;
            bound.listeners.push(listener);
            let separator = if bound.shown.is_empty() { "" } else { ", " };
            bound.shown.push_str(&format!("{separator}{shown} ({name})"));
        }
        Ok(bound)
    }
}

fn main(socket: TcpListener, tls: &Arc<rustls::ServerConfig>) -> Listener {
    Listener {
        name: "main",
        socket: Socket::Tcp(socket),
        tls: Some(Arc::clone(tls)),
        proxies: Vec::new(),
        proxy_protocol: false,
        forwarded: None,
        challenges: false,
    }
}

/// Takes the address, or says in one line why not.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("the address {address} cannot be listened on; in a configuration file `listen`, or `address` of the listener, names another (for `dev`, --listen)")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn open(
    listener: config::Listener,
    tls: &Arc<rustls::ServerConfig>,
    files: &mut Vec<PathBuf>,
) -> anyhow::Result<(Listener, String)> {
    let config::Listener { name, address, socket, mode, tls: wants_tls, proxies, proxy_protocol, forwarded, acme } =
        listener;
    ensure!(
        strongroom_domain::network::is_listener_name(&name) && !RESERVED.contains(&name.as_str()),
        "a listener's name has 1 to 32 lower-case letters, digits and hyphens, and is not `local` or `internal`"
    );
    let network = |text: &String| {
        strongroom_domain::network::parse_network(text).context("one of its `proxies` is not an address or network")
    };
    let proxies = proxies.iter().map(network).collect::<anyhow::Result<Vec<_>>>()?;
    let (socket, shown) = match (address, socket) {
        (Some(address), None) => {
            ensure!(mode.is_none(), "`mode` is for a Unix socket");
            ensure!(
                acme || wants_tls != Some(false),
                "plain HTTP on a network is not served; a Unix socket may do without TLS"
            );
            let needs_proxies = proxy_protocol || forwarded.is_some();
            ensure!(
                needs_proxies != proxies.is_empty(),
                "`proxies` says whose word about the client counts: it goes together with `proxy_protocol` or `forwarded`"
            );
            (Socket::Tcp(bind(address)?), address.to_string())
        }
        (None, Some(path)) => {
            let bound = bind_unix(&path, mode.as_deref())?;
            files.push(path.clone());
            (Socket::Unix(bound), path.display().to_string())
        }
        _ => bail!("a listener has either `address` or `socket`"),
    };
    ensure!(
        !acme || wants_tls != Some(true),
        "certificate authorities ask a listener with `acme = true` in plain HTTP: it has no TLS"
    );
    let speaks_tls = !acme && wants_tls.unwrap_or(matches!(socket, Socket::Tcp(_)));
    let listener = Listener {
        // Lives as long as the process; there are a few at most.
        name: Box::leak(name.into_boxed_str()),
        socket,
        tls: speaks_tls.then(|| Arc::clone(tls)),
        proxies,
        proxy_protocol,
        forwarded: forwarded.map(|header| match header {
            config::Forwarded::XForwardedFor => ForwardedHeader::XForwardedFor,
            config::Forwarded::Forwarded => ForwardedHeader::Forwarded,
        }),
        challenges: acme,
    };
    Ok((listener, shown))
}

/// Listens on a path. The file has its permissions before anybody can see it there.
fn bind_unix(path: &Path, mode: Option<&str>) -> anyhow::Result<UnixListener> {
    let mode = match mode {
        None => 0o600,
        Some(text) => u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
            .with_context(|| format!("`mode` {text} is not like \"0660\""))?,
    };
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        ensure!(meta.file_type().is_socket(), "{} is there and is no socket", path.display());
        ensure!(UnixStream::connect(path).is_err(), "somebody listens on {} already", path.display());
    }
    let parent = path.parent().with_context(|| format!("{} is no path of a socket", path.display()))?;
    let private = parent.join(format!(".sr{}", std::process::id()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&private)
        .with_context(|| format!("{} cannot be written to", parent.display()))?;
    let made = private.join("s");
    let listener = UnixListener::bind(&made).and_then(|listener| {
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(mode))?;
        std::fs::rename(&made, path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let _ = std::fs::remove_dir_all(&private);
    listener.with_context(|| format!("the socket {} cannot be listened on", path.display()))
}

fn limits_of(given: &config::Limits) -> anyhow::Result<Limits> {
    let usual = Limits::default();
    let count = |name: &str, given: Option<usize>, usual: usize| match given.unwrap_or(usual) {
        count @ 1..=1_000_000 => Ok(count),
        _ => bail!("[limits] {name} is 1 to 1000000"),
    };
    let seconds = |name: &str, given: Option<u64>, usual: Duration| match given {
        None => Ok(usual),
        Some(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        Some(_) => bail!("[limits] {name} is 1 to 3600"),
    };
    Ok(Limits {
        connections: count("connections", given.connections, usual.connections)?,
        connections_per_client: count(
            "connections_per_client",
            given.connections_per_client,
            usual.connections_per_client,
        )?,
        head: seconds("head_seconds", given.head_seconds, usual.head)?,
        body: seconds("body_seconds", given.body_seconds, usual.body)?,
        answer: seconds("answer_seconds", given.answer_seconds, usual.answer)?,
        idle: seconds("idle_seconds", given.idle_seconds, usual.idle)?,
        stop: seconds("stop_seconds", given.stop_seconds, usual.stop)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(text: &str) -> anyhow::Result<Bound> {
        #[derive(serde::Deserialize)]
        struct Part {
            listeners: Vec<config::Listener>,
        }
        let parsed: Part = ::config::Config::builder()
            .add_source(::config::File::from_str(text, ::config::FileFormat::Toml))
            .build()?
            .try_deserialize()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
        Bound::of(None, parsed.listeners, &config::Limits::default(), &Arc::new(tls))
    }

    #[test]
    fn what_would_trust_or_expose_too_much_is_refused() {
        for (text, why) in [
            (r#"name = "a""#, "either `address` or `socket`"),
            (
                r#"name = "A"
                address = "127.0.0.1:0""#,
                "lower-case letters",
            ),
            (
                r#"name = "local"
                address = "127.0.0.1:0""#,
                "is not `local`",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                tls = false"#,
                "plain HTTP on a network",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                acme = true
                tls = true"#,
                "it has no TLS",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                proxy_protocol = true"#,
                "whose word",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                forwarded = "x-forwarded-for""#,
                "whose word",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                proxies = ["10.0.0.0/8"]"#,
                "whose word",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                forwarded = "forwarded"
                proxies = ["10.0.0.0/33"]"#,
                "is not an address or network",
            ),
            (
                r#"name = "a"
                address = "127.0.0.1:0"
                mode = "0600""#,
                "for a Unix socket",
            ),
        ] {
            let error = listeners(&format!("[[listeners]]\n{text}\n")).err().map(|error| format!("{error:#}"));
            assert!(error.as_ref().is_some_and(|error| error.contains(why)), "{text}: {error:?}");
        }
        let twice = "[[listeners]]\nname = \"a\"\naddress = \"127.0.0.1:0\"\n".repeat(2);
        assert!(listeners(&twice).is_err_and(|error| error.to_string().contains("named a")));
    }

    #[test]
    fn a_unix_socket_has_its_permissions_and_replaces_only_a_dead_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let first = bind_unix(&path, None).unwrap();
        assert_eq!(mode(), 0o600);
        assert!(bind_unix(&path, None).is_err_and(|error| error.to_string().contains("already")));
        drop(first);
        let _second = bind_unix(&path, Some("0660")).unwrap();
        assert_eq!(mode(), 0o660);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        let file = folder.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        assert!(bind_unix(&file, None).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        assert!(bind_unix(&folder.path().join("x"), Some("888")).is_err());
    }
}
