//! The listeners: sockets, PROXY protocol, TLS and HTTP/1.1 around the edge.
//!
//! Bounds what a connection may cost, in bytes and in time; finds out who the client is; turns the
//! library's request into a [`RawRequest`](crate::edge::RawRequest) and hands it to a task of its
//! own, so that a client that hangs up cancels nothing half-way. Judges nothing. A listener for certificate
//! authorities is another door: nothing of the edge is behind it.
//!
//! HTTP/1.1 alone: the library is built without HTTP/2 (RUSTSEC-2026-0258 is in its h2 0.3), so the
//! TLS configuration must not offer `h2`.

mod accept;
mod account;
mod challenges;
mod forwarded;
mod framing;
mod guard;
mod proxy_protocol;
mod request;
mod seats;
mod stream;

use std::{net::TcpListener, os::unix::net::UnixListener, sync::Arc, time::Duration};

use actix_http::{HttpService, KeepAlive};
use actix_server::{FromStream, Server, ServerBuilder};
use actix_service::{
    ServiceFactoryExt as _,
    boxed::{self, BoxServiceFactory},
    fn_service,
};
use ipnet::IpNet;
use tokio_rustls::TlsAcceptor;

pub use self::forwarded::ForwardedHeader;
use self::{accept::Door, account::Accounted, seats::Seats, stream::Transport};
use crate::services::{ListenerFacts, Services};

/// Bytes that the system may keep for a connection's client to fetch. Half of what it really sets
/// aside (socket(7)); without a bound of ours it would grow to megabytes for each slow reader.
const SEND_BUFFER: usize = 256 * 1024;
/// How long a closing connection may take to say so.
const FAREWELL: Duration = Duration::from_secs(5);

/// What connections may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, over all listeners; further ones wait unaccepted.
    pub connections: usize,
    /// Connections at once from one client address (an IPv6 client counts by its /64); further ones
    /// are closed. Proxies and Unix sockets are exempt.
    pub connections_per_client: usize,
    /// Time for the PROXY header and the TLS handshake, and again for each request head.
    pub head: Duration,
    /// Time for a request body.
    pub body: Duration,
    /// Time in which a client must take what is waiting for it, besides a second for every 16 KiB
    /// that it does take.
    pub answer: Duration,
    /// Time that an idle connection is kept.
    pub idle: Duration,
    /// Time that requests under way have when the server stops.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_client: 256,
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            stop: Duration::from_secs(20),
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP; always with TLS, but for certificate authorities.
    Tcp(TcpListener),
    /// A Unix socket: whoever may open its file may connect.
    Unix(UnixListener),
}

/// One way in.
pub struct Listener {
    /// Its name in network rules and records.
    pub name: &'static str,
    /// Where it listens.
    pub socket: Socket,
    /// TLS 1.2 and 1.3, offering `http/1.1` alone. `None` for plain HTTP, on a Unix socket only, and for certificate
    /// authorities.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Networks of proxies whose word about the client counts. On a Unix socket everybody is one.
    pub proxies: Vec<IpNet>,
    /// Whether proxies begin a connection with a PROXY header; then they must.
    pub proxy_protocol: bool,
    /// The header in which proxies name the client, if they do.
    pub forwarded: Option<ForwardedHeader>,
    /// Whether it shows certificate authorities what they look for (http-01), in plain HTTP, and nothing else.
    pub challenges: bool,
}

impl Listener {
    fn facts(&self) -> ListenerFacts {
        let place = match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().map_or_else(|_| String::new(), |address| address.to_string()),
            Socket::Unix(_) => "a Unix socket".to_owned(),
        };
        let how = match (self.challenges, self.tls.is_some(), self.proxy_protocol || self.forwarded.is_some()) {
            (true, ..) => "HTTP, for certificate authorities alone",
            (_, true, false) => "TLS",
            (_, true, true) => "TLS, behind a proxy",
            (_, false, _) => "HTTP, behind a proxy on this machine",
        };
        let proxies = self.proxies.iter().map(ToString::to_string).collect();
        ListenerFacts { name: self.name.to_owned(), place, how, proxies }
    }
}

/// Starts the server on bound listeners.
///
/// # Errors
/// When a listener cannot be used, or would serve plain HTTP on a network.
pub fn serve(
    services: &Arc<Services>,
    listeners: Vec<Listener>,
    limits: Limits,
    workers: usize,
) -> std::io::Result<Server> {
    let workers = workers.max(1);
    let seats = Seats::new(limits.connections_per_client);
    services.listening.tell(listeners.iter().map(Listener::facts).collect());
    let mut server = Server::build()
        .workers(workers)
        .max_concurrent_connections(limits.connections.div_ceil(workers))
        .shutdown_timeout(limits.stop.as_secs())
        .disable_signals();
    for listener in listeners {
        let Listener { name, socket, tls, proxies, proxy_protocol, forwarded, challenges } = listener;
        let local = matches!(socket, Socket::Unix(_));
        if tls.is_none() && !local && !challenges {
            return Err(std::io::Error::other(format!("the listener {name} has no TLS and is no Unix socket")));
        }
        if tls.is_some() && challenges {
            return Err(std::io::Error::other(format!(
                "the listener {name} is for certificate authorities, in plain HTTP"
            )));
        }
        let door = Arc::new(Door {
            name,
            tls: tls.map(TlsAcceptor::from),
            proxies,
            proxy_protocol,
            forwarded,
            local,
            challenges,
            seats: seats.clone(),
            limits,
        });
        server = match socket {
            Socket::Tcp(socket) => {
                // Inherited by every accepted connection.
                socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
                let factory = connections::<tokio::net::TcpStream>(&server, services, door);
                server.listen(name, socket, factory)?
            }
            Socket::Unix(socket) => {
                let factory = connections::<tokio::net::UnixStream>(&server, services, door);
                server.listen_uds(name, socket, factory)?
            }
        };
    }
    Ok(server.run())
}

/// What a worker does with a new connection: makes it trustworthy, then speaks HTTP/1.1 on it.
fn connections<S>(
    server: &ServerBuilder,
    services: &Arc<Services>,
    door: Arc<Door>,
) -> impl Fn() -> BoxServiceFactory<(), S, (), (), ()> + Send + Clone + 'static
where
    S: FromStream + Into<Transport> + 'static,
{
    let stopping = server.graceful_shutdown_signal();
    let services = Arc::clone(services);
    move || {
        let (services, door, stopping) = (Arc::clone(&services), Arc::clone(&door), stopping.clone());
        let (limits, challenges, accounts) = (door.limits, door.challenges, Arc::clone(&services));
        let http = HttpService::<Accounted, _, _>::build()
            .keep_alive(KeepAlive::Timeout(limits.idle))
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(FAREWELL)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|connection: &Accounted, data| {
                data.insert(connection.caller());
            })
            .h1(fn_service(move |request| {
                let services = Arc::clone(&services);
                async move {
                    if challenges {
                        challenges::handle(services, &request).await
                    } else {
                        request::handle(services, request).await
                    }
                }
            }))
            .map_err(|_| ());
        let accepted = fn_service(move |socket: S| {
            let (services, accepted) = (Arc::clone(&accounts), accept::accept(Arc::clone(&door), socket.into()));
            async move { accepted.await.map(|(connection, peer)| (Accounted::new(connection, services), peer)) }
        });
        boxed::factory(accepted.and_then(http))
    }
}
