//! What is in the memory of a process, for whoever may look: the superuser.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::FileExt as _,
    process::{Command, Stdio},
};

const PAGE: usize = 4096;

/// Which of these texts are in memory that the process has written. None where nobody may look.
pub(crate) fn in_memory<'a>(process: u32, texts: &[&'a str]) -> Option<Vec<&'a str>> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let mut search = Command::new("sh");
    search.args(["-c", "grep -aoF -f - \"$0\" | sort -u"]);
    let written = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    let (mut looked, mut pages) = (false, vec![0; 256 * PAGE]);
    for line in maps.lines() {
        let Some((range, rights)) = line.split_once(' ') else { continue };
        if !rights.starts_with("rw") {
            continue;
        }
        let (begin, end) = range.split_once('-').expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let (mut at, end) = (number(begin), number(end));
        while at < end {
            let wanted = usize::try_from(end - at).unwrap().min(pages.len());
            let Ok(read @ 1..) = memory.read_at(&mut pages[..wanted], at) else { break };
            looked = true;
            // Much is reserved and never written.
            for page in pages[..read].chunks(PAGE).filter(|page| **page != [0; PAGE]) {
                written.as_file().write_all(page).expect("room for it");
            }
            at += u64::try_from(read).unwrap();
        }
    }
    let mut search = search.arg(written.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("grep");
    search.stdin.take().unwrap().write_all(texts.join("\n").as_bytes()).expect("to tell it");
    let found = String::from_utf8(search.wait_with_output().expect("its answer").stdout).expect("texts");
    looked.then(|| texts.iter().filter(|text| found.lines().any(|line| line == **text)).copied().collect())
}
