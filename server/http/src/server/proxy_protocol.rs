//! The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): how a proxy that only passes
//! bytes on says who connected to it. Read from configured proxies alone, before anything else.
//!
//! Reads not one byte more than the header, and at most [`MOST`] of it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// First bytes of a version 2 header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// Longest version 2 header after its fixed part: addresses and extensions.
const MOST: usize = 2048;

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("a proxy sent no PROXY header")]
    Missing,
    #[error("a proxy sent a malformed PROXY header")]
    Malformed,
    #[error("a proxy sent a PROXY header that is too long")]
    TooLong,
}

impl From<ProxyError> for io::Error {
    fn from(error: ProxyError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Reads the header. `None` when the proxy speaks for itself (a health check) or the client has no
/// IP address.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut start = [0u8; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        let (version_and_command, family) = (stream.read_u8().await?, stream.read_u8().await?);
        let length = usize::from(stream.read_u16().await?);
        if length > MOST {
            return Err(ProxyError::TooLong.into());
        }
        let mut addresses = vec![0u8; length];
        stream.read_exact(&mut addresses).await?;
        return Ok(version_2(version_and_command, family, &addresses)?);
    }
    if !start.starts_with(b"PROXY ") {
        return Err(ProxyError::Missing.into());
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(ProxyError::TooLong.into());
        }
        line.push(stream.read_u8().await?);
    }
    line.truncate(line.len().saturating_sub(2));
    Ok(version_1(&line)?)
}

/// A line such as `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`.
fn version_1(line: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    let text = std::str::from_utf8(line).map_err(|_| ProxyError::Malformed)?;
    let mut words = text.split(' ');
    let (Some("PROXY"), Some(family)) = (words.next(), words.next()) else { return Err(ProxyError::Malformed) };
    // The rest of the line means nothing then.
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let (Some(source), Some(target), Some(from), Some(to), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(ProxyError::Malformed);
    };
    let port = |text: &str| text.parse::<u16>().map_err(|_| ProxyError::Malformed);
    port(from)?;
    port(to)?;
    match family {
        "TCP4" => both::<Ipv4Addr>(source, target).map(|address| Some(address.into())),
        "TCP6" => both::<Ipv6Addr>(source, target).map(|address| Some(address.into())),
        _ => Err(ProxyError::Malformed),
    }
}

/// Parses both addresses and gives the first.
fn both<A: std::str::FromStr>(source: &str, target: &str) -> Result<A, ProxyError> {
    let address = |text: &str| text.parse::<A>().map_err(|_| ProxyError::Malformed);
    address(target)?;
    address(source)
}

/// Version and command, family, and what follows the length.
fn version_2(version_and_command: u8, family: u8, addresses: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    match version_and_command {
        // LOCAL: the proxy itself.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(ProxyError::Malformed),
    }
    match family {
        // TCP over IPv4: two addresses, two ports, then extensions.
        0x11 => match addresses.first_chunk::<12>() {
            Some(&[a, b, c, d, ..]) => Ok(Some(Ipv4Addr::new(a, b, c, d).into())),
            None => Err(ProxyError::Malformed),
        },
        0x21 => match (addresses.len() >= 36, addresses.first_chunk::<16>()) {
            (true, Some(source)) => Ok(Some(Ipv6Addr::from(*source).into())),
            _ => Err(ProxyError::Malformed),
        },
        // UNSPEC.
        0x00 => Ok(None),
        // Datagrams and Unix sockets do not reach a listener of ours.
        _ => Err(ProxyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is read of these bytes, and how many of them.
    fn read_all(bytes: &[u8]) -> (Result<Option<IpAddr>, String>, usize) {
        let mut rest = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(read(&mut rest)).map_err(|error| error.to_string());
        (found, bytes.len() - rest.len())
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    #[test]
    fn both_versions_name_the_client() {
        let four: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
        let six: Option<IpAddr> = Some("2001:db8::1".parse().unwrap());
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
        assert_eq!(read_all(&[&line[..], b"\x16\x03\x01"].concat()), (Ok(four), line.len()), "not a byte more");
        assert_eq!(read_all(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n").0, Ok(six));
        assert_eq!(read_all(b"PROXY UNKNOWN\r\n").0, Ok(None));
        assert_eq!(read_all(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n").0, Ok(None));

        let mut body = [192, 0, 2, 1, 198, 51, 100, 1, 0, 1, 0, 2].to_vec();
        assert_eq!(read_all(&v2(0x21, 0x11, &body)).0, Ok(four));
        body.extend([0x04, 0, 1, 9]);
        assert_eq!(read_all(&v2(0x21, 0x11, &body)).0, Ok(four), "extensions are skipped");
        let mut body = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        body.resize(36, 0);
        assert_eq!(read_all(&v2(0x21, 0x21, &body)).0, Ok(six));
        assert_eq!(read_all(&v2(0x20, 0x00, &[])).0, Ok(None), "a health check of the proxy's own");
    }

    #[test]
    fn anything_else_is_refused() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200], b"\r\n".to_vec()].concat();
        for (bytes, why) in [
            (b"GET / HTTP/1.1\r\n".to_vec(), ProxyError::Missing),
            (vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 0], ProxyError::Missing),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n".to_vec(), ProxyError::Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n".to_vec(), ProxyError::Malformed),
            (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(), ProxyError::Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n".to_vec(), ProxyError::Malformed),
            (b"PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n".to_vec(), ProxyError::Malformed),
            (b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n".to_vec(), ProxyError::Malformed),
            (long, ProxyError::TooLong),
            (v2(0x11, 0x11, &[0; 12]), ProxyError::Malformed),
            (v2(0x22, 0x11, &[0; 12]), ProxyError::Malformed),
            (v2(0x21, 0x11, &[0; 11]), ProxyError::Malformed),
            (v2(0x21, 0x21, &[0; 35]), ProxyError::Malformed),
            (v2(0x21, 0x12, &[0; 12]), ProxyError::Malformed),
            (v2(0x21, 0x11, &[0; 2049]), ProxyError::TooLong),
        ] {
            assert_eq!(read_all(&bytes).0, Err(why.to_string()), "{bytes:?}");
        }
        assert!(read_all(b"PROXY TCP4 192.0").0.is_err(), "cut off");
    }

    proptest! {
        #[test]
        fn a_version_1_header_is_read_as_written(source: [u8; 4], target: [u8; 16], from: u16, rest: Vec<u8>) {
            let (source, target) = (Ipv4Addr::from(source), Ipv4Addr::new(target[0], target[1], target[2], target[3]));
            let line = format!("PROXY TCP4 {source} {target} {from} 443\r\n").into_bytes();
            let read = line.len();
            prop_assert_eq!(read_all(&[line, rest].concat()), (Ok(Some(source.into())), read));
        }

        #[test]
        fn a_version_2_header_is_read_as_written(source: [u8; 16], extensions in prop::collection::vec(any::<u8>(), 0..64), rest: Vec<u8>) {
            let header = v2(0x21, 0x21, &[&source[..], &[0; 20], &extensions].concat());
            let read = header.len();
            let found = Ok(Some(Ipv6Addr::from(source).into()));
            prop_assert_eq!(read_all(&[header, rest].concat()), (found, read));
        }

        #[test]
        fn no_bytes_panic_and_none_beyond_the_bound_are_read(
            start in prop_oneof![Just(b"PROXY ".to_vec()), Just(SIGNATURE.to_vec()), Just(Vec::new())],
            rest in prop::collection::vec(any::<u8>(), 0..4096),
        ) {
            let (_, read) = read_all(&[start, rest].concat());
            prop_assert!(read <= SIGNATURE.len() + 4 + MOST);
        }
    }
}
