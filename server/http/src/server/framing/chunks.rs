//! A body in chunks (RFC 9112, section 7.1), followed to its end.
//!
//! Lines end in CR LF and in nothing else; a length is digits and no space. Extensions and trailers, which nobody here
//! understands, are read over and bounded. So is how many chunks there are beside what they hold: the library keeps
//! each by itself, which costs more than a chunk of one byte.

use super::is_token;

/// Most digits of a chunk's length.
const DIGITS: u8 = 16;
/// Longest extensions of one chunk.
const LONGEST_EXTENSION: u16 = 256;
/// Longest trailers, together.
const LONGEST_TRAILERS: u16 = 8 * 1024;
/// So many chunks may be as small as they like.
const SMALL: u64 = 1024;
/// Least bytes of the others, on average.
const LEAST: u64 = 64;

/// Where a body is in its chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    next: Next,
    /// How many have begun.
    count: u64,
    /// Bytes that they hold.
    held: u64,
}

/// What comes next. Numbers beside a length count what was read over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A length, so far, of so many digits.
    Length(u64, u8),
    Extension(u64, u16),
    LengthFeed(u64),
    Data(u64),
    DataReturn,
    DataFeed,
    TrailerBegin(u16),
    TrailerName(u16),
    TrailerValue(u16),
    TrailerFeed(u16),
    LastFeed,
    Over,
}

impl Default for Next {
    fn default() -> Self {
        Self::Length(0, 0)
    }
}

impl Chunks {
    /// How many of these bytes belong to the body; as an error, how many did before it was malformed.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut passed = 0;
        while let Some(byte) = bytes.get(passed) {
            match &mut self.next {
                Next::Over => break,
                Next::Data(left) => {
                    let rest = bytes.len() - passed;
                    let taken = usize::try_from(*left).map_or(rest, |left| left.min(rest));
                    passed += taken;
                    *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
                    if *left == 0 {
                        self.next = Next::DataReturn;
                    }
                }
                next => {
                    let after = next.after(*byte).ok_or(passed)?;
                    *next = after;
                    if let Next::Data(length) = after
                        && !self.begins(length)
                    {
                        return Err(passed);
                    }
                    passed += 1;
                }
            }
        }
        Ok(passed)
    }

    /// Whether all of it was passed.
    pub(super) fn is_over(&self) -> bool {
        self.next == Next::Over
    }

    /// A chunk of this length, and whether it is not one too many.
    fn begins(&mut self, length: u64) -> bool {
        let allowed = SMALL + self.held / LEAST;
        self.count += 1;
        self.held = self.held.saturating_add(length);
        self.count <= allowed
    }
}

impl Next {
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Length(length, digits @ 1..), b'\r') if digits <= DIGITS => Self::LengthFeed(length),
            (Self::Length(length, 1..), b';') => Self::Extension(length, 0),
            (Self::Length(length, digits @ ..DIGITS), _) => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Length((length << 4) | u64::from(digit), digits + 1)
            }
            (Self::Extension(length, _), b'\r') => Self::LengthFeed(length),
            (Self::Extension(length, over @ ..LONGEST_EXTENSION), _) if is_text(byte) => {
                Self::Extension(length, over + 1)
            }
            (Self::LengthFeed(0), b'\n') => Self::TrailerBegin(0),
            (Self::LengthFeed(length), b'\n') => Self::Data(length),
            (Self::DataReturn, b'\r') => Self::DataFeed,
            (Self::DataFeed, b'\n') => Self::default(),
            (Self::TrailerBegin(_), b'\r') => Self::LastFeed,
            (Self::TrailerBegin(over), _) if is_token(byte) => Self::TrailerName(over),
            (Self::TrailerName(over) | Self::TrailerValue(over), _) if over >= LONGEST_TRAILERS => return None,
            (Self::TrailerName(over), b':') => Self::TrailerValue(over + 1),
            (Self::TrailerName(over), _) if is_token(byte) => Self::TrailerName(over + 1),
            (Self::TrailerValue(over), b'\r') => Self::TrailerFeed(over),
            (Self::TrailerValue(over), _) if is_text(byte) => Self::TrailerValue(over + 1),
            (Self::TrailerFeed(over), b'\n') => Self::TrailerBegin(over),
            (Self::LastFeed, b'\n') => Self::Over,
            _ => return None,
        })
    }
}

/// What may stand in a line: no control character but a tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}
