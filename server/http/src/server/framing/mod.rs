//! Where a request ends: found in its bytes before the HTTP library is shown any of them.
//!
//! The library parses whatever it has, keeps for a whole connection what belongs to one request, and drops answers that
//! wait when a later body breaks. So it is given one request at a time ([`guard`](super::guard)), by what is found here.
//! What could be taken to end in two places, by whoever stands in front or by the library behind, is refused.
//!
//! Reads nothing but what says where a request ends, each byte once. Changes nothing but the offer of another protocol:
//! none is spoken here, and the library would wait for it.

mod chunks;
#[cfg(test)]
mod tests;

use std::io::BufRead as _;

use self::chunks::Chunks;

/// Longest head, which is where the library gives up as well.
pub(super) const LONGEST_HEAD: usize = 128 * 1024;
/// Longest target that the library can hold.
const LONGEST_TARGET: usize = 65_534;
/// What stands beside a target in the first line, roughly.
const BESIDE_TARGET: usize = 256;

/// Where the request is that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Its head has not come to its end.
    Arriving,
    /// Its head is whole; there is more of it, or of its body.
    UnderWay,
    /// All of it was given. What follows is another one.
    Over,
    /// Its body is malformed: nothing more can be told.
    Broken,
    /// Its head is refused, with this status.
    Refused(u16),
}

/// Follows a connection's bytes from request to request.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: State,
    /// Once the head is whole or refused: whether it is that of a HEAD.
    asks_head: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Arriving(Head),
    /// Bytes of a whole head that were not given yet, and the body behind it.
    Giving(usize, Body),
    Body(Body),
    Over,
    Broken,
    Refused(u16),
}

impl Default for State {
    fn default() -> Self {
        Self::Arriving(Head::default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// So many bytes are to come.
    Length(u64),
    Chunks(Chunks),
}

impl Body {
    fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunks(chunks) => chunks.is_over(),
        }
    }
}

impl Framing {
    pub(super) fn stand(&self) -> Stand {
        match self.state {
            State::Arriving(_) => Stand::Arriving,
            State::Giving(..) | State::Body(_) => Stand::UnderWay,
            State::Over => Stand::Over,
            State::Broken => Stand::Broken,
            State::Refused(status) => Stand::Refused(status),
        }
    }

    /// Whether what comes in is a HEAD, which no body answers; `behind` is what was not given of it.
    pub(super) fn asks_head(&self, behind: &[u8]) -> bool {
        if matches!(self.state, State::Arriving(_)) { is_head(behind) } else { self.asks_head }
    }

    /// How many of these bytes, and not more than `room`, the library may be given now. The others are to be shown
    /// again, in front of what comes next.
    pub(super) fn pass(&mut self, bytes: &mut [u8], room: usize) -> usize {
        if let State::Arriving(head) = &mut self.state {
            self.state = match head.read(bytes) {
                Ok(None) => return 0,
                Ok(Some((length, body))) => State::Giving(length, body),
                Err(status) => State::Refused(status),
            };
            self.asks_head = is_head(bytes);
        }
        let room = room.min(bytes.len());
        let mut given = 0;
        if let State::Giving(left, body) = &mut self.state {
            given = room.min(*left);
            *left -= given;
            if *left > 0 {
                return given;
            }
            self.state = State::Body(*body);
        }
        if let State::Body(body) = &mut self.state {
            let rest = bytes.get(given..room).unwrap_or_default();
            match body {
                Body::Length(left) => {
                    let taken = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
                    given += taken;
                }
                Body::Chunks(chunks) => match chunks.pass(rest) {
                    Ok(taken) => given += taken,
                    Err(taken) => {
                        self.state = State::Broken;
                        return given + taken;
                    }
                },
            }
            if body.is_over() {
                self.state = State::Over;
            }
        }
        given
    }

    /// The next request.
    pub(super) fn next(&mut self) {
        *self = Self::default();
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        self.state = State::Broken;
    }
}

/// What is known of a head that arrives.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    /// Where the line begins that has not come to its end.
    line: usize,
    /// How far it was looked for that.
    seen: usize,
    /// Its first line has come.
    asks: bool,
    /// HTTP/1.0.
    old: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    /// The head's length and its body, when it is whole. `bytes` begin where it does.
    fn read(&mut self, bytes: &mut [u8]) -> Result<Option<(usize, Body)>, u16> {
        loop {
            let Some(more) = line_end(bytes.get(self.seen..).unwrap_or_default()) else {
                self.seen = bytes.len();
                let longest = if self.asks { LONGEST_HEAD } else { LONGEST_TARGET + BESIDE_TARGET };
                return match bytes.len().saturating_sub(self.line) > longest || bytes.len() > LONGEST_HEAD {
                    true => Err(if self.asks { 431 } else { 414 }),
                    false => Ok(None),
                };
            };
            let end = self.seen + more;
            let line = bytes.get_mut(self.line..end).and_then(<[u8]>::split_last_chunk_mut::<2>);
            let Some((line, [b'\r', _])) = line else { return Err(400) };
            (self.line, self.seen) = (end, end);
            if end > LONGEST_HEAD {
                return Err(431);
            }
            match (self.asks, line.is_empty()) {
                // Empty lines may come before a request (RFC 9112, section 2.2).
                (false, true) => {}
                (false, false) => self.first_line(line)?,
                (true, false) => self.header(line)?,
                (true, true) => return Ok(Some((end, self.body()?))),
            }
        }
    }

    fn first_line(&mut self, line: &[u8]) -> Result<(), u16> {
        let (asked, version) = line.split_last_chunk::<9>().ok_or(400u16)?;
        self.old = match version {
            b" HTTP/1.1" => false,
            b" HTTP/1.0" => true,
            _ => return Err(400),
        };
        self.asks = true;
        let method = asked.iter().position(|byte| *byte == b' ').ok_or(400u16)?;
        if asked.starts_with(b"CONNECT ") {
            // What follows it would be no request.
            return Err(405);
        }
        if asked.len() - method > LONGEST_TARGET + 1 { Err(414) } else { Ok(()) }
    }

    fn header(&mut self, line: &mut [u8]) -> Result<(), u16> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(400u16)?;
        let (name, value) = line.split_at_mut(colon);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return Err(400);
        }
        let value = value.get_mut(1..).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-length") {
            // Digits alone: what else a parser may take for a number, another may not.
            let digits = trimmed(value);
            let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
            let length = number.and_then(|number| number.parse().ok()).ok_or(400u16)?;
            if self.length.replace(length).is_some() {
                return Err(400);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !trimmed(value).eq_ignore_ascii_case(b"chunked") {
                return Err(400);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            name.fill(b'x');
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split_mut(|byte| *byte == b',') {
                if option.trim_ascii().eq_ignore_ascii_case(b"upgrade") {
                    option.iter_mut().filter(|byte| byte.is_ascii_alphabetic()).for_each(|byte| *byte = b'x');
                }
            }
        }
        Ok(())
    }

    fn body(&self) -> Result<Body, u16> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(400),
            (true, None) if self.old => Err(400),
            (true, None) => Ok(Body::Chunks(Chunks::default())),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

/// Whether a HEAD begins here, perhaps after empty lines.
fn is_head(bytes: &[u8]) -> bool {
    let first = bytes.iter().position(|byte| !b"\r\n".contains(byte));
    first.and_then(|first| bytes.get(first..)).is_some_and(|line| line.starts_with(b"HEAD "))
}

/// Length of the line that begins here, with its end.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let length = rest.skip_until(b'\n').ok()?;
    bytes.get(..length)?.ends_with(b"\n").then_some(length)
}

/// Without spaces and tabs around it.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A character of a header's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
