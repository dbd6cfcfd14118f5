//! What a page offers to do, and what it does not: an act that grants would not let through is named
//! with the role that is missing. Judged but not recorded, so it promises nothing.

use strongroom_domain::{decision::DenyReason, gate::Ask, role::Role};
use strongroom_web::{Act, say};

use super::frame::{Place, Viewer};

/// Acts that are open and acts that are not.
pub(super) struct Offers<'a> {
    viewer: &'a Viewer<'a>,
    scope: &'static str,
    acts: Vec<Act>,
    notes: Vec<String>,
    closed: Vec<Closed>,
}

/// An act that is not open.
#[derive(PartialEq, Eq)]
struct Closed {
    label: String,
    why: Why,
}

#[derive(PartialEq, Eq)]
enum Why {
    /// Its name, and where it would have to be given.
    Role(&'static str, &'static str),
    AccessPolicy,
    Other(String),
}

impl<'a> Offers<'a> {
    pub(super) fn new(viewer: &'a Viewer<'a>, place: &Place) -> Self {
        Self { viewer, scope: place.scope_words(), acts: Vec::new(), notes: Vec::new(), closed: Vec::new() }
    }

    /// Says why something is offered to nobody.
    pub(super) fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// Offers an act if what it asks is open.
    pub(super) async fn offer(&mut self, ask: &Ask<'_>, act: Act) {
        let label = match &act {
            Act::Link { label, .. } | Act::Post { label, .. } => label.clone(),
        };
        if self.open(ask, &label).await {
            self.acts.push(act);
        }
    }

    /// Whether something is open; if not, its name is told with what is missing.
    pub(super) async fn open(&mut self, ask: &Ask<'_>, label: &str) -> bool {
        let Some(reason) = self.viewer.services.admin.obstacle(&self.viewer.call.ctx, ask).await else { return true };
        self.close(reason, ask, label);
        false
    }

    /// Something is not open, for this reason (its code).
    pub(super) fn close(&mut self, reason: String, ask: &Ask<'_>, label: &str) {
        // What is about the installation is given there, whatever the page is about.
        let scope = if ask.vault.is_some() { self.scope } else { say!("place-on-the-installation") };
        let why = match (reason.as_str(), Role::least_for(ask.action)) {
            (code, Some(role)) if code == DenyReason::NoRole.code() => Why::Role(role.name(), scope),
            (code, _) if code == DenyReason::NoAccessPolicy.code() => Why::AccessPolicy,
            _ => Why::Other(reason),
        };
        let closed = Closed { label: label.to_owned(), why };
        // One sentence for the same act on each row of a list.
        if !self.closed.contains(&closed) {
            self.closed.push(closed);
        }
    }

    /// The acts, and a sentence for each reason why others are not there.
    pub(super) fn told(self) -> (Vec<Act>, Vec<String>) {
        let mut reasons: Vec<(&Why, Vec<&str>)> = Vec::new();
        for Closed { label, why } in &self.closed {
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, labels)) => labels.push(label),
                None => reasons.push((why, vec![label])),
            }
        }
        let sentences = reasons.iter().map(|(why, labels)| {
            let (one, labels) = (labels.len() == 1, listed(labels));
            match why {
                Why::Role(role, scope) if one => {
                    say!("offers-label-needs-the-role", label = labels, role = role, scope = scope)
                }
                Why::Role(role, scope) => {
                    say!("offers-labels-need-the-role", labels = labels, role = role, scope = scope)
                }
                Why::AccessPolicy if one => say!("offers-label-needs-an-access-policy", label = labels),
                Why::AccessPolicy => say!("offers-labels-need-an-access-policy", labels = labels),
                Why::Other(code) => say!("offers-labels-not-open-to-you", labels = labels, code = code),
            }
        });
        let sentences = self.notes.iter().cloned().chain(sentences).collect();
        (self.acts, sentences)
    }
}

/// `a, b and c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => say!("offers-first-and-last", first = first.join(", "), last = last),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
