//! Anchors: checkpoints kept outside the database, one JSON document per line.
//!
//! The file belongs on another machine or on a medium that can only be appended to. It holds public
//! data only. A line that was torn by a crash spoils nothing but itself.
//!
//! A witness, a server that is told each checkpoint, gives them back in the same form, or as it was told
//! them ([`Told`]).

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use strongroom_domain::record::{Checkpoint, TreeCheckpoint};
use uuid::Uuid;

/// Longest line in bytes.
const MAX_LINE: u64 = 256 * 1024;

/// An anchor file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the anchor file {}: {source}", path.display())]
pub struct AnchorError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// What an anchor file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Checkpoints of single nodes, as earlier releases made them, in the order of the file. Not verified yet.
    pub checkpoints: Vec<Checkpoint>,
    /// Checkpoints of the whole log, in the order of the file. Not verified yet.
    pub trees: Vec<TreeCheckpoint>,
    /// Checkpoints of the whole log that a witness gave back. Not verified yet.
    pub witnessed: Vec<TreeCheckpoint>,
    /// Numbers of the lines that are no checkpoints, from 1.
    pub unreadable: Vec<usize>,
}

/// A checkpoint of the whole log, as a witness is told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Form of this document: 1.
    pub witness: u32,
    /// Whose log.
    pub installation: Uuid,
    /// The node that tells.
    pub node: String,
    /// What is told.
    pub checkpoint: TreeCheckpoint,
}

/// The forms of a line; no two have their required fields in common.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Tree(TreeCheckpoint),
    Node(Checkpoint),
    Told(Told),
}

/// Reads an anchor file.
///
/// # Errors
/// [`AnchorError`] when the file cannot be read. Lines that do not parse are told in the answer.
pub fn read_anchors(path: &Path) -> Result<Anchors, AnchorError> {
    let failed = |source| AnchorError { path: path.to_owned(), source };
    parse_anchors(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)
}

/// Reads what is in the form of an anchor file.
///
/// # Errors
/// When it cannot be read. Lines that do not parse are told in the answer.
pub fn parse_anchors(mut reader: impl BufRead) -> std::io::Result<Anchors> {
    let mut anchors = Anchors::default();
    for number in 1.. {
        let mut line = Vec::new();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(Line::Tree(checkpoint) | Line::Told(Told { checkpoint, .. })) => anchors.trees.push(checkpoint),
            Ok(Line::Node(checkpoint)) => anchors.checkpoints.push(checkpoint),
            Err(_) => anchors.unreadable.push(number),
        }
    }
    Ok(anchors)
}

/// Appends a checkpoint of one node and waits until it is on the disk.
///
/// # Errors
/// [`AnchorError`].
pub fn append_anchor(path: &Path, checkpoint: &Checkpoint) -> Result<(), AnchorError> {
    append(path, checkpoint)
}

/// Appends a checkpoint of the whole log and waits until it is on the disk.
///
/// # Errors
/// [`AnchorError`].
pub fn append_tree(path: &Path, checkpoint: &TreeCheckpoint) -> Result<(), AnchorError> {
    append(path, checkpoint)
}

fn append(path: &Path, checkpoint: &impl serde::Serialize) -> Result<(), AnchorError> {
    let failed = |source| AnchorError { path: path.to_owned(), source };
    let mut line = serde_json::to_vec(checkpoint).map_err(|e| failed(e.into()))?;
    line.push(b'\n');
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    if !ends_a_line(&mut file).map_err(failed)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)?;
    // The file's name must survive as well.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0u8; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use strongroom_domain::record::NodeHead;

    use super::*;

    fn checkpoint(seq: u64) -> Checkpoint {
        Checkpoint { node: "n".into(), seq, head: [7; 32], at: 1, key_id: "k".into(), signature: vec![1; 64] }
    }

    #[test]
    fn a_torn_line_spoils_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors");
        append_anchor(&path, &checkpoint(1)).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"node\":\"n").unwrap();
        append_anchor(&path, &checkpoint(2)).unwrap();
        let tree = TreeCheckpoint {
            size: 3,
            root: [1; 32],
            heads: vec![NodeHead { node: "n".into(), seq: 9, head: [2; 32] }],
            at: 1,
            key_id: "k".into(),
            signature: vec![1; 64],
        };
        append_tree(&path, &tree).unwrap();
        let told = Told { witness: 1, installation: Uuid::nil(), node: "n".into(), checkpoint: tree.clone() };
        append(&path, &told).unwrap();
        let anchors = read_anchors(&path).unwrap();
        assert_eq!(anchors.checkpoints, [checkpoint(1), checkpoint(2)]);
        assert_eq!(anchors.trees, [tree.clone(), tree]);
        assert_eq!(anchors.unreadable, [2]);
        assert!(read_anchors(&folder.path().join("none")).is_err());
    }
}
