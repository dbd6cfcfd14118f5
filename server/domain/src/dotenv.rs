//! `.env` files: `NAME=VALUE` lines with comments and quotes, bounded, without any expansion.
//!
//! Where programs that read such files differ, this one refuses instead of guessing. Must never put a value
//! into an error.

use zeroize::Zeroizing;

/// Most bytes of a file.
pub const MAX_FILE: usize = 1024 * 1024;
/// Most names of a file.
const MAX_ENTRIES: usize = 1000;

/// A name and its value.
pub struct Entry {
    /// Where it begins, from 1.
    pub line: usize,
    /// As it is written.
    pub name: String,
    /// Without quotes and escapes.
    pub value: Zeroizing<String>,
}

impl Entry {
    /// What it is called as a secret, whose names have hyphens where variables have other signs.
    #[must_use]
    pub fn secret(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.name).replace(['_', '.'], "-")
    }
}

/// Why a file cannot be read, and in which line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A name is none.
    #[error("line {0}: a name begins with a letter or _, and goes on with letters, digits, _, . and -")]
    Name(usize),
    /// Nothing is said of a name.
    #[error("line {0}: no = follows the name")]
    NoEquals(usize),
    /// A quote is open at the end.
    #[error("line {0}: the quote does not end")]
    OpenQuote(usize),
    /// There is no such escape.
    #[error("line {0}: between double quotes, \\ stands before n, r, t, \", ', $, ` or \\")]
    Escape(usize),
    /// A value goes on after its quote.
    #[error("line {0}: something follows the closing quote")]
    AfterQuote(usize),
    /// It may be a comment or a value.
    #[error("line {0}: a value that begins with # stands between quotes")]
    Hash(usize),
    /// No program could be given it.
    #[error("line {0}: a NUL character stands there")]
    Nul(usize),
    /// A name stands there twice.
    #[error("line {line}: {name} is there already, in line {first}")]
    Twice {
        /// Where it stands again.
        line: usize,
        /// The name.
        name: String,
        /// Where it stands first.
        first: usize,
    },
    /// More than are read.
    #[error("there are more than {} names", MAX_ENTRIES)]
    TooMany,
}

/// All entries in their order.
///
/// # Errors
/// [`Trouble`] with the first line that is not understood; nothing is left out silently.
pub fn parse(text: &str) -> Result<Vec<Entry>, Trouble> {
    if let Some((before, _)) = text.split_once('\0') {
        return Err(Trouble::Nul(before.matches('\n').count().saturating_add(1)));
    }
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        reader.take(char::is_whitespace);
        match reader.peek() {
            None => return Ok(entries),
            Some('#') => _ = reader.take(|c| c != '\n'),
            Some(_) if entries.len() == MAX_ENTRIES => return Err(Trouble::TooMany),
            Some(_) => {
                let entry = reader.entry()?;
                if let Some(first) = entries.iter().find(|other| other.name == entry.name) {
                    return Err(Trouble::Twice { line: entry.line, name: entry.name, first: first.line });
                }
                entries.push(entry);
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        self.line = self.line.saturating_add(usize::from(c == '\n'));
        Some(c)
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.line = self.line.saturating_add(taken.matches('\n').count());
        self.rest = rest;
        taken
    }

    fn entry(&mut self) -> Result<Entry, Trouble> {
        let line = self.line;
        let mut name = self.take(of_name);
        if name == "export" && !self.take(blank).is_empty() && self.peek() != Some('=') {
            name = self.take(of_name);
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(Trouble::Name(line));
        }
        self.take(blank);
        if self.peek() != Some('=') {
            return Err(Trouble::NoEquals(line));
        }
        self.next();
        let apart = !self.take(blank).is_empty();
        let value = match self.peek() {
            Some('#') if !apart => return Err(Trouble::Hash(line)),
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => Zeroizing::new(without_comment(self.take(|c| c != '\n')).to_owned()),
        };
        Ok(Entry { line, name: name.to_owned(), value })
    }

    fn quoted(&mut self, quote: char) -> Result<Zeroizing<String>, Trouble> {
        let begin = self.line;
        self.next();
        // Room for all of it at once: growing would leave copies behind.
        let length = self.rest.find(quote).unwrap_or_default().max(self.rest.len().min(64 * 1024));
        let mut value = Zeroizing::new(String::with_capacity(length));
        loop {
            match self.next().ok_or(Trouble::OpenQuote(begin))? {
                c if c == quote => break,
                '\\' if quote == '"' => {
                    let line = self.line;
                    value.push(match self.next().ok_or(Trouble::OpenQuote(begin))? {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        c @ ('"' | '\'' | '$' | '`' | '\\') => c,
                        _ => return Err(Trouble::Escape(line)),
                    });
                }
                c => value.push(c),
            }
        }
        let line = self.line;
        self.take(|c| blank(c) || c == '\r');
        match self.peek() {
            None | Some('\n') => {}
            Some('#') => _ = self.take(|c| c != '\n'),
            Some(_) => return Err(Trouble::AfterQuote(line)),
        }
        Ok(value)
    }
}

/// What stands before a `#` that follows a space, or begins the text.
fn without_comment(text: &str) -> &str {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '#' && before.is_whitespace() {
            return text.get(..at).unwrap_or_default().trim();
        }
        before = c;
    }
    text.trim()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, Trouble> {
        Ok(parse(text)?.into_iter().map(|entry| (entry.name, entry.value.to_string())).collect())
    }

    #[track_caller]
    fn is(text: &str, value: &str) {
        assert_eq!(read(text), Ok(vec![("A".to_owned(), value.to_owned())]), "{text:?}");
    }

    #[test]
    fn values_are_what_they_are_everywhere() {
        is("A=b", "b");
        is("\u{feff}# first\r\n\r\nexport A = b c \t# more\r\n", "b c");
        is("A=b#c", "b#c");
        is("A=", "");
        is("A= # nothing", "");
        is("A='b # $c \\n \"'# more", "b # $c \\n \"");
        is("A=\"b\\n\\\"c\\\\ \\$d 'e' # f\"  ", "b\n\"c\\ $d 'e' # f");
        is("A='two\nlines'\n", "two\nlines");
        is("A=$HOME ${B} `c` \\n", "$HOME ${B} `c` \\n");
        is("A=b=c==", "b=c==");
        assert_eq!(read("export=1\nexported=2").unwrap().len(), 2);
        assert_eq!(read(" \n# nothing\n"), Ok(vec![]));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        assert_eq!(read("A=1\n1A=2"), Err(Trouble::Name(2)));
        assert_eq!(read("=2"), Err(Trouble::Name(1)));
        assert_eq!(read("\n\nA B=1"), Err(Trouble::NoEquals(3)));
        assert_eq!(read("A"), Err(Trouble::NoEquals(1)));
        assert_eq!(read("A='two\nlines'\nB=\"x\n\n"), Err(Trouble::OpenQuote(3)));
        assert_eq!(read("A=\"\\x41\""), Err(Trouble::Escape(1)));
        assert_eq!(read("A='b'c"), Err(Trouble::AfterQuote(1)));
        assert_eq!(read("A=#b"), Err(Trouble::Hash(1)));
        assert_eq!(read("A=1\nB=\0"), Err(Trouble::Nul(2)));
        let twice = Trouble::Twice { line: 3, name: "A".to_owned(), first: 1 };
        assert_eq!(read("A=1\nB=1\nA=2"), Err(twice));
        let many: String = (0..=MAX_ENTRIES).map(|n| format!("A{n}=x\n")).collect();
        assert_eq!(read(&many), Err(Trouble::TooMany));
    }

    proptest! {
        #[test]
        fn any_value_comes_back_from_double_quotes(values in proptest::collection::vec(any::<String>(), 0..8)) {
            let values: Vec<_> = values.into_iter().map(|value| value.replace('\0', "")).collect();
            let written = |(n, value): (usize, &String)| {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', if n % 2 == 0 { "\\n" } else { "\n" });
                format!("N_{n}=\"{escaped}\" # {n}\n")
            };
            let text: String = values.iter().enumerate().map(written).collect();
            let back: Vec<_> = read(&text).unwrap().into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn any_value_without_the_quote_comes_back_from_single_quotes(value in "[^'\0]*") {
            prop_assert_eq!(read(&format!("A='{value}'")).unwrap().remove(0).1, value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s)([A-Z]{1,2} ?= ?)?.*") {
            if let Ok(entries) = parse(&text) {
                let lines = text.matches('\n').count() + 1;
                prop_assert!(entries.iter().all(|entry| entry.line <= lines && entry.value.len() <= text.len()));
            }
        }

        #[test]
        fn an_error_says_nothing_of_a_value(value in "[a-z]{12}") {
            for text in [format!("A='{value}"), format!("A='b'{value}"), format!("A=#{value}"), format!("A=\"\\{}{value}\"", 'z')] {
                prop_assert!(!read(&text).unwrap_err().to_string().contains(&value));
            }
        }
    }
}
