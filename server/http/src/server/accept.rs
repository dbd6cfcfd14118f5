//! From an accepted socket to a connection that HTTP is spoken on: whose it is, a seat for it, TLS.

use std::{io, net::IpAddr, net::Ipv4Addr, sync::Arc};

use ipnet::IpNet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{
    Limits,
    forwarded::ForwardedHeader,
    guard::Guarded,
    proxy_protocol,
    seats::Seats,
    stream::{Stream, Transport},
};

/// A listener, as its connections see it.
pub(super) struct Door {
    pub(super) name: &'static str,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) proxies: Vec<IpNet>,
    pub(super) proxy_protocol: bool,
    pub(super) forwarded: Option<ForwardedHeader>,
    /// A Unix socket: everybody who connects is a proxy.
    pub(super) local: bool,
    /// For certificate authorities alone.
    pub(super) challenges: bool,
    pub(super) seats: Seats,
    pub(super) limits: Limits,
}

impl Door {
    /// Whether an address is one of the configured proxies.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|net| net.contains(&address))
    }
}

/// Makes a connection of a socket. Whatever fails is the client's, and not worth a line in the log.
pub(super) async fn accept(door: Arc<Door>, socket: Transport) -> Result<(Guarded, Option<std::net::SocketAddr>), ()> {
    let limit = door.limits.head;
    match timeout(limit, prepare(door, socket)).await {
        Ok(Ok(connection)) => Ok((connection, None)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection was not accepted");
            Err(())
        }
        Err(_) => {
            tracing::debug!("a connection was not accepted in time");
            Err(())
        }
    }
}

async fn prepare(door: Arc<Door>, mut socket: Transport) -> io::Result<Guarded> {
    socket.hurry()?;
    let peer = socket.peer()?.map(|peer| peer.ip());
    let from_proxy = peer.map_or(door.local, |peer| door.is_proxy(peer));
    let announced = if from_proxy && door.proxy_protocol { proxy_protocol::read(&mut socket).await? } else { None };
    // A Unix socket has no address; who connects is this machine.
    let client = announced.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
    let trusted = match announced {
        Some(client) => door.is_proxy(client),
        None => from_proxy,
    };
    let seat = match trusted {
        true => None,
        false => Some(door.seats.take(client).ok_or_else(|| io::Error::other("too many connections of one client"))?),
    };
    let stream = match &door.tls {
        Some(tls) => Stream::Tls(Box::new(tls.accept(socket).await?)),
        None => Stream::Plain(socket),
    };
    let passed_on = announced.and(peer);
    Ok(Guarded::new(stream, door, client, trusted, passed_on, seat))
}
