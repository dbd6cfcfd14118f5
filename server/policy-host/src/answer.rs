//! From the contract's decisions to the domain's answers: checked, cut, and fit for a log line.

use strongroom_domain::policy::{Effect, PolicyAnswer, PolicyFailure};

use crate::contract::exports::strongroom::policy::guard as wire;
use crate::limits;

/// Reason code of the answer for a module that does not want to see the action.
pub(crate) const NOT_WANTED: &str = "action-not-wanted";

/// The answer to a request that the module does not want to see.
pub(crate) fn not_wanted() -> PolicyAnswer {
    PolicyAnswer {
        effect: Effect::Abstain,
        reason_code: NOT_WANTED.to_owned(),
        sentence: String::new(),
        relied_on: Vec::new(),
        messages: Vec::new(),
        fuel: 0,
    }
}

/// Checks and cuts one decision. Fuel is filled in by the caller.
///
/// # Errors
/// [`PolicyFailure::BadAnswer`] when the reason code is not one.
pub(crate) fn from_wire(decision: wire::Decision) -> Result<PolicyAnswer, PolicyFailure> {
    if !is_code(&decision.reason_code) {
        return Err(PolicyFailure::BadAnswer);
    }
    let cut_all = |texts: Vec<String>, count: usize, length: usize| {
        texts.iter().take(count).map(|text| cut(text, length)).collect()
    };
    Ok(PolicyAnswer {
        effect: match decision.effect {
            wire::Effect::Allow => Effect::Allow,
            wire::Effect::Deny => Effect::Deny,
            wire::Effect::Abstain => Effect::Abstain,
        },
        reason_code: decision.reason_code,
        sentence: cut(&decision.sentence, limits::MAX_TEXT),
        relied_on: cut_all(decision.relied_on, limits::MAX_RELIED_ON, limits::MAX_ATTRIBUTE),
        messages: cut_all(decision.messages, limits::MAX_MESSAGES, limits::MAX_TEXT),
        fuel: 0,
    })
}

/// Whether the text is a code: `[a-z0-9-]{1,64}`.
pub(crate) fn is_code(text: &str) -> bool {
    (1..=limits::MAX_REASON_CODE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The first `length` characters, with everything that could forge a line or turn the direction
/// of writing replaced by U+FFFD.
pub(crate) fn cut(text: &str, length: usize) -> String {
    text.chars()
        .take(length)
        .map(|character| match character {
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => '\u{fffd}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            _ if character.is_control() => '\u{fffd}',
            _ => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(reason_code: &str) -> wire::Decision {
        wire::Decision {
            effect: wire::Effect::Deny,
            reason_code: reason_code.to_owned(),
            sentence: "ä".repeat(300),
            relied_on: vec!["x".repeat(200); 40],
            messages: vec!["one\ntwo\u{202e}".to_owned(); 20],
        }
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        let answer = from_wire(decision("too-old")).expect("a proper code");
        assert_eq!(answer.effect, Effect::Deny);
        assert_eq!(answer.sentence.chars().count(), limits::MAX_TEXT);
        assert_eq!(answer.relied_on.len(), limits::MAX_RELIED_ON);
        assert!(answer.relied_on.iter().all(|name| name.len() == limits::MAX_ATTRIBUTE));
        assert_eq!(answer.messages, vec!["one\u{fffd}two\u{fffd}"; limits::MAX_MESSAGES]);
    }

    #[test]
    fn a_bad_reason_code_is_a_bad_answer() {
        for code in ["", "Too-Old", "too old", "zu-spät", &"x".repeat(65)] {
            assert_eq!(from_wire(decision(code)), Err(PolicyFailure::BadAnswer), "{code}");
        }
    }
}
