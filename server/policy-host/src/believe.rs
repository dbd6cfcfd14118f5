//! What is believed of what a child says: an answer to what it was asked, within its bounds, and nothing more.
//!
//! A child runs what others wrote and may have been taken over by it. What it says is therefore checked and cut
//! like what a module says: it can deny and allow, and must not be able to do anything else.

use strongroom_domain::policy::{PolicyAnswer, PolicyFailure, Unfit};

use crate::isolated::{Answer, Ran};
use crate::{answer, engine, limits};

/// What was put to the child.
pub(crate) struct Put {
    /// How many modules were asked.
    pub(crate) modules: usize,
    /// About how many requests.
    pub(crate) requests: usize,
    /// Whether it was to stop behind the first module that denies or fails.
    pub(crate) until_denied: bool,
}

/// What the modules said, none of which ran longer than `longest`, in microseconds.
pub(crate) fn judgement(said: Answer, put: &Put, longest: u64) -> Result<Vec<Ran>, PolicyFailure> {
    let Answer::Judged(judged) = said else { return Err(PolicyFailure::BadAnswer) };
    let stopped = || put.until_denied && judged.last().is_some_and(|ran| engine::ends(&ran.judged));
    if judged.len() > put.modules || (judged.len() < put.modules && !stopped()) {
        return Err(PolicyFailure::BadAnswer);
    }
    let checked = |Ran { judged, micros }| Ran {
        judged: judged.and_then(|answers| all_of(answers, put.requests)),
        micros: longest.min(micros),
    };
    Ok(judged.into_iter().map(checked).collect())
}

/// Whether the module takes its settings.
pub(crate) fn check(said: Answer) -> Result<(), Unfit> {
    let Answer::Checked(checked) = said else { return Err(PolicyFailure::BadAnswer.into()) };
    checked
        .map_err(|why| Unfit { sentence: why.sentence.map(|sentence| answer::cut(&sentence, limits::MAX_TEXT)), ..why })
}

fn all_of(answers: Vec<PolicyAnswer>, count: usize) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
    if answers.len() != count {
        return Err(PolicyFailure::BadAnswer);
    }
    answers.into_iter().map(bounded).collect()
}

fn bounded(answer: PolicyAnswer) -> Result<PolicyAnswer, PolicyFailure> {
    if !answer::is_code(&answer.reason_code)
        || answer.relied_on.len() > limits::MAX_RELIED_ON
        || answer.messages.len() > limits::MAX_MESSAGES
        || !answer::are_fit(&answer.obligations, answer.effect)
    {
        return Err(PolicyFailure::BadAnswer);
    }
    let cut = |text: &String, length| answer::cut(text, length);
    Ok(PolicyAnswer {
        sentence: cut(&answer.sentence, limits::MAX_TEXT),
        relied_on: answer.relied_on.iter().map(|name| cut(name, limits::MAX_ATTRIBUTE)).collect(),
        messages: answer.messages.iter().map(|line| cut(line, limits::MAX_TEXT)).collect(),
        obligations: answer::cleaned(answer.obligations),
        ..answer
    })
}

#[cfg(test)]
mod tests {
    use strongroom_domain::policy::Effect;

    use super::*;

    fn said(effect: Effect) -> PolicyAnswer {
        PolicyAnswer { effect, reason_code: "said".to_owned(), ..answer::not_wanted("said") }
    }

    fn ran(answers: Vec<PolicyAnswer>) -> Ran {
        Ran { judged: Ok(answers), micros: 90 }
    }

    fn believed(judged: Vec<Ran>, until_denied: bool) -> Result<Vec<Ran>, PolicyFailure> {
        judgement(Answer::Judged(judged), &Put { modules: 2, requests: 1, until_denied }, 40)
    }

    #[test]
    fn a_child_speaks_for_every_module_or_stops_where_it_was_told_to() {
        let (allows, denies) = (|| ran(vec![said(Effect::Allow)]), || ran(vec![said(Effect::Deny)]));
        let fails = || Ran { judged: Err(PolicyFailure::Trap), micros: 0 };
        let bad = Err(PolicyFailure::BadAnswer);
        for (judged, until_denied, is_believed) in [
            (vec![allows(), allows()], true, true),
            (vec![denies(), allows()], false, true),
            (vec![denies()], true, true),
            (vec![fails()], true, true),
            (vec![denies()], false, false),
            (vec![allows()], true, false),
            (vec![], true, false),
            (vec![allows(), allows(), allows()], true, false),
        ] {
            let found = believed(judged, until_denied);
            assert_eq!(found.is_ok(), is_believed, "{found:?}");
            assert!(is_believed || found == bad);
        }
        let put = Put { modules: 2, requests: 1, until_denied: false };
        assert_eq!(judgement(Answer::Checked(Ok(())), &put, 40), bad);
        assert!(check(Answer::Judged(Vec::new())).is_err());
    }

    #[test]
    fn no_module_says_more_than_it_may_or_ran_longer_than_was_waited() {
        let one = |answer: PolicyAnswer| {
            let mut judged = believed(vec![ran(vec![answer]), ran(vec![said(Effect::Allow)])], false)?;
            assert!(judged.iter().all(|ran| ran.micros == 40));
            judged.swap_remove(0).judged
        };
        let long = "x\n".repeat(limits::MAX_TEXT);
        let cut = one(PolicyAnswer { sentence: long.clone(), ..said(Effect::Allow) }).unwrap().swap_remove(0);
        assert_eq!(cut.sentence.chars().count(), limits::MAX_TEXT);
        assert!(!cut.sentence.contains('\n'));
        for answer in [
            PolicyAnswer { reason_code: "Not a code".to_owned(), ..said(Effect::Allow) },
            PolicyAnswer { messages: vec![String::new(); limits::MAX_MESSAGES + 1], ..said(Effect::Allow) },
            PolicyAnswer { relied_on: vec![String::new(); limits::MAX_RELIED_ON + 1], ..said(Effect::Allow) },
        ] {
            assert_eq!(one(answer), Err(PolicyFailure::BadAnswer));
        }
        let none = believed(vec![ran(Vec::new()), ran(vec![said(Effect::Allow); 2])], false).unwrap();
        assert!(none.iter().all(|ran| ran.judged == Err(PolicyFailure::BadAnswer)), "one for each request");
        let why = Unfit { failure: PolicyFailure::BadSettings, sentence: Some(long) };
        let sentence = check(Answer::Checked(Err(why))).unwrap_err().sentence.unwrap();
        assert!(sentence.chars().count() == limits::MAX_TEXT && !sentence.contains('\n'));
    }
}
