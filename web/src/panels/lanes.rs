//! Lanes of time: what comes when, a lane for each kind, with a mark that leads there. Across it is measured in percent,
//! so that a lane is as wide as its place; nothing is told by a mark alone, because the same follows as a list.

use super::{Table, Tone};

/// Marks are so far apart, in thousandths of the width, that each can be hit: 24 pixels on a phone.
const APART: u16 = 100;

/// Lanes under one axis.
#[derive(Debug, Clone, Default)]
pub struct Lanes {
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// Days below them, from the first to the last, evenly spaced.
    pub axis: Vec<String>,
    /// The same as a list.
    pub list: Table,
}

/// What comes of one kind.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// The kind: `Certificates`.
    pub name: String,
    /// What comes first, or that nothing does.
    pub words: String,
    /// What comes, in order of time.
    pub coming: Vec<Coming>,
}

/// Something that comes.
#[derive(Debug, Clone)]
pub struct Coming {
    /// When, in thousandths of the width.
    pub place: u16,
    /// How near.
    pub tone: Tone,
    /// What, and when.
    pub label: String,
    /// Where it is.
    pub href: String,
}

/// A mark as it is drawn: one thing, or several that are too near each other for marks of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark<'a> {
    pub(crate) x: String,
    pub(crate) class: &'static str,
    pub(crate) count: usize,
    pub(crate) label: &'a str,
    /// None for several: they are in the list.
    pub(crate) href: Option<&'a str>,
}

impl Lane {
    pub(crate) fn marks(&self) -> Vec<Mark<'_>> {
        let mut marks: Vec<(u16, Mark<'_>)> = Vec::new();
        for coming in &self.coming {
            match marks.last_mut() {
                Some((place, mark)) if coming.place < place.saturating_add(APART) => {
                    mark.count += 1;
                    mark.href = None;
                }
                _ => {
                    let class = match coming.tone {
                        Tone::Bad => "deny",
                        Tone::Warn => "warn",
                        _ => "plain",
                    };
                    let x = format!("{}.{}", coming.place / 10, coming.place % 10);
                    let (label, href) = (coming.label.as_str(), Some(coming.href.as_str()));
                    marks.push((coming.place, Mark { x, class, count: 1, label, href }));
                }
            }
        }
        marks.into_iter().map(|(_, mark)| mark).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_near_for_a_mark_of_its_own_is_counted_with_the_one_before() {
        let coming = |place, tone| Coming { place, tone, label: place.to_string(), href: format!("/{place}") };
        let coming =
            vec![coming(0, Tone::Bad), coming(99, Tone::Warn), coming(100, Tone::Warn), coming(1000, Tone::Plain)];
        let lane = Lane { coming, ..Lane::default() };
        let marks = lane.marks();
        let drawn: Vec<_> = marks.iter().map(|mark| (mark.x.as_str(), mark.class, mark.count, mark.href)).collect();
        let alone = [("10.0", "warn", 1, Some("/100")), ("100.0", "plain", 1, Some("/1000"))];
        assert_eq!(drawn, [&[("0.0", "deny", 2, None)], &alone[..]].concat());
        assert!(Lane::default().marks().is_empty());
    }
}
