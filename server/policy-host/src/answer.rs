//! From the contract's decisions to the domain's answers: checked, cut, and fit for a log line.

use strongroom_domain::policy::{Effect, Obligation, PolicyAnswer, PolicyFailure};
use strongroom_domain::text::deceives;

use crate::limits;

/// The answer to a request that the module does not want to see.
pub(crate) fn not_wanted(reason_code: &str) -> PolicyAnswer {
    PolicyAnswer {
        effect: Effect::Abstain,
        reason_code: reason_code.to_owned(),
        sentence: String::new(),
        relied_on: Vec::new(),
        messages: Vec::new(),
        obligations: Vec::new(),
        fuel: 0,
    }
}

/// Checks and cuts one decision. Fuel is filled in by the caller.
///
/// # Errors
/// [`PolicyFailure::BadAnswer`] when the reason code is not one, or an obligation is out of bounds: none
/// may be dropped or changed.
pub(crate) fn checked(
    effect: Effect,
    reason_code: String,
    sentence: &str,
    relied_on: &[String],
    messages: &[String],
    obligations: Vec<Obligation>,
) -> Result<PolicyAnswer, PolicyFailure> {
    if !is_code(&reason_code) || !are_fit(&obligations, effect) {
        return Err(PolicyFailure::BadAnswer);
    }
    let cut_all = |texts: &[String], count: usize, length: usize| {
        texts.iter().take(count).map(|text| cut(text, length)).collect()
    };
    Ok(PolicyAnswer {
        effect,
        reason_code,
        sentence: cut(sentence, limits::MAX_TEXT),
        relied_on: cut_all(relied_on, limits::MAX_RELIED_ON, limits::MAX_ATTRIBUTE),
        messages: cut_all(messages, limits::MAX_MESSAGES, limits::MAX_TEXT),
        obligations: cleaned(obligations),
        fuel: 0,
    })
}

/// Whether obligations are few enough, go with the effect and are within their bounds. One sign-in is all that a denial
/// can ask for, so a second one would be dropped.
pub(crate) fn are_fit(obligations: &[Obligation], effect: Effect) -> bool {
    let sign_ins = obligations.iter().filter(|one| matches!(one, Obligation::StepUp { .. })).count();
    obligations.len() <= limits::MAX_OBLIGATIONS
        && sign_ins <= 1
        && obligations.iter().all(|obligation| obligation.goes_with(effect) && is_within_bounds(obligation))
}

/// The same obligations, their sentences cut.
pub(crate) fn cleaned(obligations: Vec<Obligation>) -> Vec<Obligation> {
    let clean = |obligation| match obligation {
        Obligation::Alert { severity, sentence } => {
            Obligation::Alert { severity, sentence: cut(&sentence, limits::MAX_TEXT) }
        }
        other => other,
    };
    obligations.into_iter().map(clean).collect()
}

fn is_within_bounds(obligation: &Obligation) -> bool {
    let printable = |text: &String| {
        (1..=limits::MAX_ATTRIBUTE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match obligation {
        Obligation::StepUp { acr, amr, max_age } => {
            let bounded = |texts: &[String]| texts.len() <= limits::MAX_OBLIGATIONS && texts.iter().all(printable);
            bounded(acr) && bounded(amr) && !(acr.is_empty() && amr.is_empty() && max_age.is_none())
        }
        Obligation::RequireApproval { approvers, valid_for } => {
            (1..=limits::MAX_APPROVERS).contains(approvers) && limits::APPROVAL_SECONDS.contains(valid_for)
        }
        Obligation::ShortenLifetime { .. } | Obligation::Alert { .. } => true,
    }
}

/// Whether the text is a code: `[a-z0-9-]{1,64}`.
pub(crate) fn is_code(text: &str) -> bool {
    (1..=limits::MAX_REASON_CODE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The first `length` characters, with all that could forge a line, turn the direction of writing or hide replaced by
/// U+FFFD.
pub(crate) fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).map(|character| if deceives(character) { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_domain::policy::AlertSeverity;

    use super::*;

    fn decided(reason_code: &str, effect: Effect, obligations: Vec<Obligation>) -> Result<PolicyAnswer, PolicyFailure> {
        let (relied_on, messages) = (vec!["x".repeat(200); 40], vec!["one\ntwo\u{202e}".to_owned(); 20]);
        checked(effect, reason_code.to_owned(), &"ä".repeat(300), &relied_on, &messages, obligations)
    }

    fn alert() -> Obligation {
        Obligation::Alert { severity: AlertSeverity::High, sentence: "ä\n".repeat(300) }
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        let answer = decided("too-old", Effect::Deny, vec![alert()]).expect("a proper code");
        assert_eq!(answer.sentence.chars().count(), limits::MAX_TEXT);
        assert_eq!(answer.relied_on.len(), limits::MAX_RELIED_ON);
        assert!(answer.relied_on.iter().all(|name| name.len() == limits::MAX_ATTRIBUTE));
        assert_eq!(answer.messages, vec!["one\u{fffd}two\u{fffd}"; limits::MAX_MESSAGES]);
        let Some(Obligation::Alert { sentence, .. }) = answer.obligations.first() else { panic!("the alert") };
        assert_eq!(sentence.chars().count(), limits::MAX_TEXT);
        assert!(!sentence.contains('\n'));
        let hidden = "a\u{ad}\u{180e}\u{200b}\u{2060}\u{206a}\u{feff}\u{fff9}\u{e0041}\u{2028}\u{61c}b";
        assert_eq!(cut(hidden, 12), format!("a{}b", "\u{fffd}".repeat(10)));
    }

    #[test]
    fn a_bad_reason_code_is_a_bad_answer() {
        for code in ["", "Too-Old", "too old", "zu-spät", &"x".repeat(65)] {
            assert_eq!(decided(code, Effect::Deny, Vec::new()), Err(PolicyFailure::BadAnswer), "{code}");
        }
    }

    #[test]
    fn an_obligation_goes_with_its_effect_and_within_its_bounds() {
        let step_up = |acr: &[&str], amr: &[&str], max_age| Obligation::StepUp {
            acr: acr.iter().map(|&one| one.to_owned()).collect(),
            amr: amr.iter().map(|&one| one.to_owned()).collect(),
            max_age,
        };
        let approval = |approvers, valid_for| Obligation::RequireApproval { approvers, valid_for };
        let lifetime = Obligation::ShortenLifetime { seconds: 0 };
        for (effect, obligation, fits) in [
            (Effect::Deny, step_up(&["c2"], &[], None), true),
            (Effect::Deny, step_up(&[], &[], Some(300)), true),
            (Effect::Allow, step_up(&["c2"], &[], None), false),
            (Effect::Deny, step_up(&[], &[], None), false),
            (Effect::Deny, step_up(&["two words"], &[], None), false),
            (Effect::Deny, step_up(&[""], &[], None), false),
            (Effect::Deny, step_up(&["a\"b\n"], &[], None), false),
            (Effect::Deny, step_up(&["c"; 9], &[], None), false),
            (Effect::Deny, approval(1, 3600), true),
            (Effect::Abstain, approval(1, 3600), false),
            (Effect::Deny, approval(0, 3600), false),
            (Effect::Deny, approval(9, 3600), false),
            (Effect::Deny, approval(1, 59), false),
            (Effect::Deny, approval(1, 604_801), false),
            (Effect::Allow, lifetime.clone(), true),
            (Effect::Abstain, lifetime.clone(), true),
            (Effect::Deny, lifetime, false),
            (Effect::Abstain, alert(), true),
        ] {
            let answer = decided("reason", effect, vec![obligation.clone()]);
            assert_eq!(answer.is_ok(), fits, "{effect:?} {obligation:?}");
        }
        assert!(decided("reason", Effect::Deny, vec![alert(), step_up(&["c2"], &[], None)]).is_ok());
        let twice = vec![step_up(&["c2"], &[], None), step_up(&[], &["otp"], None)];
        assert_eq!(decided("reason", Effect::Deny, twice), Err(PolicyFailure::BadAnswer), "none may be dropped");
        assert!(decided("reason", Effect::Deny, vec![alert(); 8]).is_ok());
        assert_eq!(decided("reason", Effect::Deny, vec![alert(); 9]), Err(PolicyFailure::BadAnswer));
    }
}
