//! What a server takes for an answer: the same as its policy host, so that a test here and `strongroom policy test` agree.

use crate::Effect;
use crate::contract::exports::strongroom::policy::guard::{Decision, Obligation};

/// Most obligations of an answer, and most texts of a list in one.
const MOST: usize = 8;
/// Longest text of a list.
const LONGEST: usize = 128;

/// Why a server takes a decision for a bad answer, which denies; none when it does not.
pub(super) fn broken(decision: &Decision) -> Option<String> {
    let code = decision.reason_code.as_str();
    let is_code = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !(1..=64).contains(&code.len()) || !code.bytes().all(is_code) {
        return Some(format!("the reason code {code:?} is not made of 1 to 64 of a-z, 0-9 and -"));
    }
    if decision.obligations.len() > MOST {
        return Some(format!("there are more than {MOST} obligations"));
    }
    if decision.obligations.iter().filter(|one| matches!(one, Obligation::StepUp(_))).count() > 1 {
        return Some("there are two step-ups, and a denial asks for one".to_owned());
    }
    decision.obligations.iter().find_map(|one| unfit(one, decision.effect))
}

fn unfit(obligation: &Obligation, effect: Effect) -> Option<String> {
    let denies = effect == Effect::Deny;
    let printable =
        |text: &String| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let bounded = |texts: &[String]| texts.len() <= MOST && texts.iter().all(printable);
    let why = match obligation {
        Obligation::StepUp(_) if !denies => "a step-up goes with deny",
        Obligation::RequireApproval(_) if !denies => "require-approval goes with deny",
        Obligation::ShortenLifetime(_) if denies => "shorten-lifetime does not go with deny",
        Obligation::StepUp(wanted) if !bounded(&wanted.acr) || !bounded(&wanted.amr) => {
            "a step-up has at most 8 acr and 8 amr, each 1 to 128 printable characters without blanks"
        }
        Obligation::StepUp(wanted) if wanted.acr.is_empty() && wanted.amr.is_empty() && wanted.max_age.is_none() => {
            "a step-up asks for something"
        }
        Obligation::RequireApproval(wanted) if !(1..=8).contains(&wanted.approvers) => "approvers are 1 to 8",
        Obligation::RequireApproval(wanted) if !(60..=604_800).contains(&wanted.valid_for) => {
            "an approval is valid for 60 to 604800 seconds"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, StepUp};

    #[test]
    fn what_a_server_takes_for_no_answer_is_none_here() {
        let step_up = |acr: &str| StepUp { acr: vec![acr.to_owned()], amr: Vec::new(), max_age: None };
        let nothing = StepUp { acr: Vec::new(), amr: Vec::new(), max_age: None };
        for (answer, fits) in [
            (Answer::deny("too-weak", "").step_up(step_up("c2")), true),
            (Answer::allow("fine").shorten_lifetime(30), true),
            (Answer::deny("wait", "").require_approval(1, 60), true),
            (Answer::deny("Too weak", ""), false),
            (Answer::allow(""), false),
            (Answer::allow("fine").step_up(step_up("c2")), false),
            (Answer::deny("too-weak", "").step_up(step_up("two words")), false),
            (Answer::deny("too-weak", "").step_up(nothing), false),
            (Answer::deny("too-weak", "").step_up(step_up("c2")).step_up(step_up("c3")), false),
            (Answer::deny("wait", "").require_approval(0, 60), false),
            (Answer::deny("wait", "").require_approval(1, 59), false),
            (Answer::abstain("wait").require_approval(1, 60), false),
            (Answer::deny("no", "").shorten_lifetime(30), false),
        ] {
            let found = broken(&answer.clone().into());
            assert_eq!(found.is_none(), fits, "{answer:?}: {found:?}");
        }
    }
}
