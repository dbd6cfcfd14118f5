//! A bundle of receipts, as the dashboard's audit page gives it: a first line that says what was chosen, and one receipt a
//! line. Each proves by itself that its record is in the log. None proves that nothing was left out.

use std::io::{BufRead, Read as _};

use anyhow::Context as _;
use serde::Deserialize;
use strongroom_domain::record::{MAX_RECEIPT, Receipt};

/// The first line.
#[derive(Deserialize)]
struct Head {
    bundle: Chosen,
}

#[derive(Deserialize)]
struct Chosen {
    receipts: u64,
}

/// What came of checking one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// Records whose receipts hold, as they were written.
    pub(super) records: Vec<String>,
    /// What does not hold, each with its line.
    pub(super) wrong: Vec<String>,
}

/// Whether a file's first line is that of a bundle.
pub(super) fn begins(first: &str) -> bool {
    serde_json::from_str::<Head>(first).is_ok()
}

/// Checks every receipt of a bundle, and that as many are there as it says.
///
/// # Errors
/// When it cannot be read.
pub(super) fn check(mut file: impl BufRead, keys: &[[u8; 32]]) -> anyhow::Result<Checked> {
    let first = line(&mut file)?.unwrap_or_default();
    let head: Head = serde_json::from_str(&first).context("the file does not begin as a bundle of receipts")?;
    let mut checked = Checked::default();
    let mut receipts: u64 = 0;
    while let Some(text) = line(&mut file)? {
        receipts = receipts.saturating_add(1);
        let place = receipts.saturating_add(1);
        let judged = match serde_json::from_str::<Receipt>(&text) {
            Ok(receipt) => receipt.verify(keys).map(|_| receipt.record).map_err(|why| why.to_string()),
            Err(_) => Err("it is no receipt".to_owned()),
        };
        match judged {
            Ok(record) => checked.records.push(record),
            Err(why) => checked.wrong.push(format!("line {place}: {why}")),
        }
    }
    if receipts != head.bundle.receipts {
        let said = head.bundle.receipts;
        checked.wrong.push(format!(
            "the first line says {said} receipts and {receipts} are there: the file was cut, or added to"
        ));
    }
    Ok(checked)
}

fn line(file: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let most = u64::try_from(MAX_RECEIPT).unwrap_or(u64::MAX);
    let read = file.take(most).read_line(&mut line).context("the bundle cannot be read")?;
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_was_cut_or_holds_something_else_is_told() {
        assert!(begins("{\"bundle\":{\"receipts\":1,\"whole\":true}}\n") && !begins("{\"receipt\":1}"));
        let empty = check(&b"{\"bundle\":{\"receipts\":0}}\n"[..], &[]).unwrap();
        assert_eq!(empty, Checked::default());
        let cut = check(&b"{\"bundle\":{\"receipts\":2}}\n{}\n"[..], &[]).unwrap();
        let said = "the first line says 2 receipts and 1 are there: the file was cut, or added to";
        assert_eq!((cut.records.len(), cut.wrong), (0, vec!["line 2: it is no receipt".to_owned(), said.to_owned()]));
        assert!(check(&b"{\"receipt\":1}\n"[..], &[]).is_err());
    }
}
