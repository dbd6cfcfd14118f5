//! What bytes travel on: a socket, with or without TLS.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use rustls::ProtocolVersion;
use strongroom_domain::policy::PolicyTls;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

/// An accepted socket.
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Transport {
    fn from(socket: TcpStream) -> Self {
        Self::Tcp(socket)
    }
}

impl From<UnixStream> for Transport {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(socket)
    }
}

impl Transport {
    /// Address of the other end; none on a Unix socket.
    pub(super) fn peer(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(socket) => socket.peer_addr().map(Some),
            Self::Unix(_) => Ok(None),
        }
    }

    /// Small answers go out at once.
    pub(super) fn hurry(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nodelay(true),
            Self::Unix(_) => Ok(()),
        }
    }

    /// What the other end did not fetch is thrown away when the socket closes, instead of being kept
    /// by the system until it gives up.
    fn forget_unsent(&self) {
        if let Self::Tcp(socket) = self {
            let _ = socket.set_zero_linger();
        }
    }
}

/// A connection's bytes.
pub(super) enum Stream {
    Plain(Transport),
    Tls(Box<TlsStream<Transport>>),
}

impl Stream {
    /// How it is encrypted, in IANA's words.
    pub(super) fn tls(&self) -> Option<PolicyTls> {
        let Self::Tls(stream) = self else { return None };
        let session = stream.get_ref().1;
        let version = match session.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "1.2",
            ProtocolVersion::TLSv1_3 => "1.3",
            _ => return None,
        };
        // rustls writes TLS13_ where IANA writes TLS_.
        let suite = session.negotiated_cipher_suite()?.suite().as_str()?.replace("TLS13_", "TLS_");
        Some(PolicyTls { version: version.to_owned(), cipher_suite: suite })
    }

    pub(super) fn forget_unsent(&self) {
        match self {
            Self::Plain(socket) => socket.forget_unsent(),
            Self::Tls(stream) => stream.get_ref().0.forget_unsent(),
        }
    }
}

/// Passes a poll on to whichever it is.
macro_rules! either {
    ($self:ident, $first:path, $second:path, $io:ident => $call:expr) => {
        match $self.get_mut() {
            $first($io) => {
                let $io = Pin::new($io);
                $call
            }
            $second($io) => {
                let $io = Pin::new($io);
                $call
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Tcp, Self::Unix, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, Self::Tcp, Self::Unix, io => io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Tcp, Self::Unix, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Tcp, Self::Unix, io => io.poll_shutdown(cx))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Plain, Self::Tls, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, Self::Plain, Self::Tls, io => io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Plain, Self::Tls, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, Self::Plain, Self::Tls, io => io.poll_shutdown(cx))
    }
}
