//! A form that was refused for what is in it comes back with the reason, so that it can be corrected.
//! Secrets in it are not sent back.

use strongroom_domain::{
    action::Action,
    decision::{Denial, DenyReason, StepUp},
};
use strongroom_web::{Body, Cell, Fact, Field, FieldKind, Form, Panel, PanelsPage, say};
use uuid::Uuid;

use super::{Failure, form::Sent, frame::Viewer, links, rendered, step_up};
use crate::{message::Response, problem::Problem};

/// The reason of a change that would lock its author out.
const LOCKED_OUT: &str = "locks-author-out";
/// The reason of a change of another revision than there is.
const CHANGED_MEANWHILE: &str = "other-revision";
/// The field that says why something is done for good.
const WHY: &str = "why";
/// Most characters of that, as a record holds them.
const LONGEST_WHY: u32 = 200;
/// The field that says which revision was on the page of a form.
const REVISION: &str = "revision";

/// Why a form comes back.
pub(super) struct Refusal {
    status: u16,
    reason: &'static str,
    sentence: String,
    record: Option<Uuid>,
    /// How the person has to have signed in, where that is what a policy asks for.
    step_up: Option<Box<StepUp>>,
    /// The field that is to blame.
    field: Option<String>,
    /// Why something is to be done for good, as it was typed.
    why: String,
}

impl Refusal {
    /// # Errors
    /// The failure itself, when nothing in the form could change it.
    pub(super) fn of(failure: Failure) -> Result<Self, Failure> {
        match failure {
            Failure::Problem(Problem { status, reason: reason @ LOCKED_OUT, message, .. }) => {
                // Until when it would not: the same words as everywhere. What to do is another thing on a page.
                let what = message.split(':').next().unwrap_or_default();
                let words = say!("refusal-what-let-your-address-or", what = what);
                Ok(Self::new(status, reason, &words))
            }
            Failure::Problem(Problem { status, reason: reason @ CHANGED_MEANWHILE, .. }) => {
                let words = say!("refusal-it-was-changed-meanwhile-so");
                Ok(Self::new(status, reason, words))
            }
            Failure::Problem(Problem { status: status @ (400 | 409 | 412), reason, message, .. }) => {
                Ok(Self::new(status, reason, &message))
            }
            Failure::Problem(Problem { status: 403, reason, message, .. })
                if reason != "foreign-form" && reason != "denied" && reason != step_up::REASON =>
            {
                Ok(Self::new(403, reason, &message))
            }
            Failure::Denied(Denial {
                request_id,
                reason: DenyReason::Policy { attachment, code, sentence, step_up, .. },
                ..
            }) => {
                let policy = if attachment.is_empty() {
                    String::new()
                } else {
                    say!("refusal-policy-attachment", attachment = attachment)
                };
                let sentence = format!("{sentence} ({policy}{code})");
                Ok(Self { record: Some(request_id), step_up, ..Self::said(403, "denied", sentence) })
            }
            other => Err(other),
        }
    }

    fn new(status: u16, reason: &'static str, words: &str) -> Self {
        Self::said(status, reason, sentence(words))
    }

    fn said(status: u16, reason: &'static str, sentence: String) -> Self {
        Self { status, reason, sentence, record: None, step_up: None, field: None, why: String::new() }
    }

    /// What a field holds cannot be.
    pub(super) fn of_field(field: impl Into<String>, words: impl Into<String>) -> Self {
        let Problem { status, reason, message, .. } = Problem::bad_parameter(words);
        Self::new(status, reason, &message).at(field)
    }

    /// The same with the field that is to blame.
    pub(super) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same where the form keeps what was typed: another change stands, and sending it again would undo that.
    pub(super) fn keeping(self) -> Self {
        match self.reason {
            CHANGED_MEANWHILE => Self { sentence: say!("refusal-it-was-changed-meanwhile-kept").to_owned(), ..self },
            _ => self,
        }
    }

    /// The same with why it was to be done for good, which the form keeps.
    pub(super) fn saying(self, sent: &Sent) -> Self {
        Self { why: sent.text(WHY).to_owned(), ..self }
    }

    /// Whether somebody else changed it since the form was opened.
    pub(super) fn is_late(&self) -> bool {
        self.reason == CHANGED_MEANWHILE
    }

    /// Its machine-readable reason.
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether the change would have locked its author out.
    pub(super) fn locks_out(&self) -> bool {
        self.reason == LOCKED_OUT
    }

    /// What was wrong.
    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The form with what was wrong.
    fn put_on(&self, form: Form) -> Form {
        let mut form = form;
        for field in form.fields.iter_mut().filter(|field| field.name == WHY) {
            if let FieldKind::Line { value, .. } = &mut field.kind {
                value.clone_from(&self.why);
            }
        }
        for field in form.fields.iter_mut().filter(|field| Some(&field.name) == self.field.as_ref()) {
            field.error = Some(self.sentence.clone());
        }
        Form { error: Some(self.sentence.clone()), error_href: self.record.map(links::why), ..form }
    }
}

/// Why a form did not do what it is for.
pub(super) enum Stopped {
    /// It comes back.
    Refused(Refusal),
    /// Nothing in it could change that.
    Failed(Failure),
}

impl Stopped {
    /// What was wrong with it.
    ///
    /// # Errors
    /// The failure, when nothing in it could change that.
    pub(super) fn refusal(self) -> Result<Refusal, Failure> {
        match self {
            Self::Refused(refusal) => Ok(refusal),
            Self::Failed(failure) => Err(failure),
        }
    }

    /// The same with the field that is to blame, if it comes back.
    pub(super) fn at(self, field: Option<&str>) -> Self {
        match (self, field) {
            (Self::Refused(refusal), Some(field)) => Self::Refused(refusal.at(field)),
            (other, _) => other,
        }
    }
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        match Refusal::of(failure) {
            Ok(refusal) => Self::Refused(refusal),
            Err(failure) => Self::Failed(failure),
        }
    }
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Failure::from(problem).into()
    }
}

/// The revision that was on the page of a form; 0 where nothing was there yet, as for a page that names none.
pub(super) fn revision_of(sent: &Sent) -> i64 {
    sent.text(REVISION).parse().unwrap_or_default()
}

/// What is stored now, beside a form that keeps what was typed before somebody else changed it.
pub(super) fn stored(refusal: Option<&Refusal>, body: impl FnOnce() -> Body) -> Option<Panel> {
    refusal.filter(|refusal| refusal.is_late()).map(|_| Panel::new(say!("refusal-stored-now"), body()))
}

/// What a form is held to: the revision that was on its page, so that nobody undoes what another did meanwhile.
pub(super) struct AsOf {
    revision: String,
    stored: Option<Body>,
}

impl AsOf {
    /// What was read for the page.
    pub(super) fn of(revision: i64) -> Self {
        Self { revision: revision.to_string(), stored: None }
    }

    /// What the page was held to that was sent.
    pub(super) fn of_sent(sent: &Sent) -> Self {
        Self { revision: sent.text(REVISION).to_owned(), stored: None }
    }

    /// What is there now, beside what was typed: sending that again is to put it in its place.
    pub(super) fn late(revision: i64, stored: Vec<Field>) -> Self {
        Self { stored: Some(Body::Facts(stored.into_iter().filter_map(fact).collect())), ..Self::of(revision) }
    }

    /// The field that the form sends along.
    pub(super) fn field(&self) -> Field {
        Field::hidden(REVISION, self.revision.clone())
    }

    /// What is stored now, where the form came late.
    pub(super) fn panel(self) -> Option<Panel> {
        self.stored.map(|stored| Panel::new(say!("refusal-stored-now"), stored))
    }
}

/// Holds a change to the revision that was on the page of its form.
pub(super) fn hold(viewer: &Viewer<'_>, sent: &Sent, action: Action) {
    if let Ok(revision) = sent.text(REVISION).parse() {
        viewer.call.ctx.expect_revision(action, revision);
    }
}

/// Holds a form that says "new" to that: it changes nothing that is there, be it that its sender may not see it or that it
/// came to be meanwhile.
pub(super) fn hold_new(viewer: &Viewer<'_>, action: Action) {
    viewer.call.ctx.expect_revision(action, 0);
}

/// What such a form came upon, in the words that are said of it where it can be seen.
pub(super) fn or_taken(failure: Failure, words: &str) -> Failure {
    match failure {
        Failure::Problem(Problem { status, reason: CHANGED_MEANWHILE, .. }) => {
            Problem { status, reason: "exists", ..Problem::bad_parameter(words) }.into()
        }
        other => other,
    }
}

/// What a field holds, in words; none of one that takes a secret, or is not shown.
fn fact(field: Field) -> Option<Fact> {
    let words = match field.kind {
        FieldKind::Line { value, .. }
        | FieldKind::Lines { value, .. }
        | FieldKind::Code { value, .. }
        | FieldKind::Number { value, .. }
        | FieldKind::Moment { value } => value,
        FieldKind::Choice(choices) => {
            choices.into_iter().find(|choice| choice.chosen).map(|choice| choice.label).unwrap_or_default()
        }
        FieldKind::Check { checked: true } => say!("refusal-yes").to_owned(),
        FieldKind::Check { checked: false } => say!("refusal-no").to_owned(),
        FieldKind::Pairs(pairs) => {
            let pairs = pairs.into_iter().filter(|(name, _)| !name.is_empty());
            pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
        }
        FieldKind::Secret | FieldKind::Password | FieldKind::File { .. } | FieldKind::Hidden { .. } => return None,
    };
    let none = || Cell::None(say!("refusal-none").to_owned());
    let value = Some(words).filter(|words| !words.is_empty()).map_or_else(none, Cell::text);
    Some(Fact { name: field.label, value })
}

/// A form, with what was wrong when it was refused, or with what was typed before its session was renewed.
pub(super) async fn form(viewer: &Viewer<'_>, form: Form, refusal: Option<&Refusal>) -> Form {
    match (refusal, viewer.kept) {
        (Some(refusal), _) => {
            let again = refusal.step_up.as_deref().and_then(|asked| step_up::href(viewer, Some(asked)));
            // In a tab of its own: this page is all there is of what was typed.
            let beside = again.map(|href| (say!("refusal-sign-in-again-in-another-tab").to_owned(), href));
            Form { beside, ..refusal.put_on(form) }
        }
        (None, Some(kept)) => kept.put_into(form),
        (None, None) => form,
    }
}

/// The field that takes the name of what is about to be done for good.
pub(super) fn confirm_field(name: &str) -> Field {
    Field::line("confirm", say!("refusal-type-the-name-to-confirm"), "", 127).required().hint(name)
}

/// The fields of what is done for good: its name, and why, which the record tells for ever.
pub(super) fn for_good_fields(name: &str) -> Vec<Field> {
    let why = Field::line(WHY, say!("refusal-reason-for-the-record"), "", LONGEST_WHY).required();
    vec![confirm_field(name), why.hint(say!("refusal-it-is-recorded-with-it"))]
}

/// Whether something may be done for good: its name was typed, and why it is done is said, which its record will tell.
///
/// # Errors
/// What keeps it from being done; the reason that was typed stays in the form.
pub(super) fn for_good(
    viewer: &Viewer<'_>,
    sent: &Sent,
    is_named: bool,
    (done, name): (&str, &str),
) -> Result<(), Refusal> {
    let why = sent.text(WHY);
    let refusal = if !is_named {
        let Problem { status, reason, message, .. } = unconfirmed(done, name);
        Refusal::new(status, reason, &message).at("confirm")
    } else if why.is_empty() {
        Refusal::of_field(WHY, say!("refusal-say-why-it-is-done"))
    } else {
        match viewer.call.ctx.state_reason(why) {
            Ok(()) => return Ok(()),
            Err(unfit) => Refusal::of_field(WHY, unfit.to_string()),
        }
    };
    Err(refusal.saying(sent))
}

/// 400: the name was not typed.
pub(super) fn unconfirmed(done: &str, name: &str) -> Problem {
    Problem::bad_parameter(say!("refusal-nothing-was-done-type-the", done = done, name = name))
}

/// A page with a form; refused, with the status of the refusal.
pub(super) fn answer(page: &PanelsPage, refusal: Option<&Refusal>) -> Response {
    match refusal {
        None => rendered(200, page.render()),
        Some(refusal) => Response { reason: refusal.reason, ..rendered(refusal.status, page.render()) },
    }
}

/// A message of the API as a sentence.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut letters = line.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if line.ends_with(['.', '!', '?', ')']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("there are more than 15 tags"), "There are more than 15 tags.");
        assert_eq!(sentence("Done.\r\nMore"), "Done.");
    }
}
