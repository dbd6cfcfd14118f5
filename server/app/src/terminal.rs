//! Asking on the terminal: for a value, without showing it, and for a word before what cannot be undone.
//!
//! The terminal gives key by key, unechoed: no limit on a line's length, and nothing typed can end the
//! program before the terminal is as it was. Must never write what was typed.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    os::fd::AsFd,
};

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use zeroize::{Zeroize as _, Zeroizing};

/// Puts the terminal back, and drops what was typed and not read: it must not reach the shell.
struct Restored<'a, F: AsFd>(&'a F, Termios);

impl<F: AsFd> Drop for Restored<'_, F> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _ = tcsetattr(self.0, OptionalActions::Flush, &self.1);
    }
}

/// Whether somebody could be asked.
pub(crate) fn is_present() -> bool {
    std::io::stdin().is_terminal()
}

/// How many columns the terminal has that output goes to, if it goes to one that knows.
pub(crate) fn width() -> Option<usize> {
    let out = std::io::stdout();
    let columns = out.is_terminal().then(|| tcgetwinsize(&out).ok())??.ws_col;
    (columns > 0).then(|| usize::from(columns))
}

/// Asks on the terminal for one line of at most `most` bytes.
pub(crate) fn ask_unseen(prompt: &str, most: usize) -> anyhow::Result<Zeroizing<String>> {
    let terminal = std::io::stdin();
    let before = tcgetattr(&terminal).context("the terminal cannot be asked")?;
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    unseen.special_codes[SpecialCodeIndex::VMIN] = 1;
    unseen.special_codes[SpecialCodeIndex::VTIME] = 0;
    let restored = Restored(&terminal, before);
    tcsetattr(&terminal, OptionalActions::Flush, &unseen).context("the terminal cannot be asked")?;
    let mut said = std::io::stderr().lock();
    said.write_all(prompt.as_bytes())?;
    said.flush()?;
    let line = read_line(&terminal, most);
    // A second line would be lost: a key that was pasted, most likely.
    unseen.special_codes[SpecialCodeIndex::VMIN] = 0;
    unseen.special_codes[SpecialCodeIndex::VTIME] = 1;
    tcsetattr(&terminal, OptionalActions::Now, &unseen).context("the terminal cannot be asked")?;
    let more = key(&terminal)?.is_some();
    drop(restored);
    writeln!(said)?;
    let mut line = line?;
    if more {
        bail!("that was more than one line, and nothing was stored: give it by --value-file or a pipe");
    }
    let text = std::str::from_utf8(&line).context("the value is not text in UTF-8")?.to_owned();
    line.zeroize();
    Ok(Zeroizing::new(text))
}

/// Lets go on with what cannot be undone only who types the name of the thing.
pub(crate) fn confirm(what: &str, name: &str) -> anyhow::Result<()> {
    if !is_present() {
        bail!("{what} cannot be undone: say so with --yes");
    }
    let mut said = std::io::stderr().lock();
    write!(said, "{what} cannot be undone. Type {name} to go on: ")?;
    said.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().take(1024).read_line(&mut line)?;
    if line.trim_end_matches(['\r', '\n']) != name {
        bail!("that was not {name}: nothing was done");
    }
    Ok(())
}

/// The next key, or `None` when there is none to come.
fn key(terminal: impl AsFd) -> anyhow::Result<Option<u8>> {
    let mut byte = Zeroizing::new([0; 1]);
    loop {
        match rustix::io::read(&terminal, byte.as_mut_slice()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(byte.first().copied()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("the terminal cannot be read"),
        }
    }
}

fn read_line(terminal: impl AsFd, most: usize) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // All of it at once: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    while let Some(byte) = key(&terminal)? {
        match typed(&mut line, byte) {
            Typed::More if line.len() > most => bail!("the value is too long"),
            Typed::More => {}
            Typed::End => break,
            Typed::Stop => bail!("stopped, and nothing was stored"),
        }
    }
    Ok(line)
}

#[derive(Debug, PartialEq, Eq)]
enum Typed {
    More,
    End,
    Stop,
}

/// What a key does to the line, as a terminal would do it.
fn typed(line: &mut Vec<u8>, byte: u8) -> Typed {
    match byte {
        b'\r' | b'\n' | 0x04 => return Typed::End,
        // Ctrl-C, Ctrl-\, Ctrl-Z.
        0x03 | 0x1c | 0x1a => return Typed::Stop,
        // Ctrl-U.
        0x15 => line.clear(),
        0x08 | 0x7f => {
            // A letter is one first byte and those that continue it.
            while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
        }
        other => line.push(other),
    }
    Typed::More
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(keys: &str) -> (String, Typed) {
        let mut line = Vec::new();
        let last = keys.bytes().map(|byte| typed(&mut line, byte)).last().unwrap();
        (String::from_utf8(line).unwrap(), last)
    }

    #[test]
    fn keys_do_what_they_do_everywhere() {
        assert_eq!(line("hello\r"), ("hello".to_owned(), Typed::End));
        assert_eq!(line("zażż\u{7f}\u{7f}x\n"), ("zax".to_owned(), Typed::End), "a letter at a time");
        assert_eq!(line("\u{7f}a\u{15}b\tc\u{4}"), ("b\tc".to_owned(), Typed::End));
        assert_eq!(line("a\u{3}").1, Typed::Stop);
    }
}
