//! A chain of certificates, drawn from the leaf to the root: one line that leads from each to the one that signed it.

use super::{Fact, Icon, Tone};

/// One certificate of a chain, or the place where one is missing.
#[derive(Debug, Clone)]
pub struct ChainLink {
    /// Whose certificate it is.
    pub title: String,
    /// Where it stands: `Leaf`, `Root`.
    pub place: String,
    /// The picture beside the place.
    pub icon: Icon,
    /// What the colour means; [`Tone::Planned`] draws what is not there.
    pub tone: Tone,
    /// What is wrong with it, as sentences.
    pub findings: Vec<String>,
    /// What it says.
    pub facts: Vec<Fact>,
}
