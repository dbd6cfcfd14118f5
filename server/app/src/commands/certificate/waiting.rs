//! Waiting for the issuer of a certificate, and saying for what: a command that is silent for a minute looks as if it hung.

use std::time::Duration;

use serde_json::Value;

use super::text;
use crate::plain::plain;

/// Time between two questions.
const BETWEEN: Duration = Duration::from_millis(500);
/// Questions in a second.
const A_SECOND: u32 = 2;

/// Whether an operation has not come to its end.
pub(super) fn goes_on(operation: &Value) -> bool {
    text(operation, "/status") == "inProgress"
}

/// Asks for an operation until it has come to its end, for so many seconds at most. Gives it as it is then.
pub(super) async fn for_issuer(
    name: &str,
    first: Value,
    seconds: u16,
    ask: impl AsyncFnMut() -> anyhow::Result<Value>,
) -> anyhow::Result<Value> {
    if goes_on(&first) && seconds > 0 {
        let issuer = text(&first, "/issuer/name");
        eprintln!("{name} waits for its issuer {}, for {seconds} seconds at most", plain(&issuer));
    }
    let say = |details: &str| eprintln!("{}", plain(details));
    asked(first, (u32::from(seconds) * A_SECOND, BETWEEN), ask, say).await
}

/// What the issuer says meanwhile is said once.
async fn asked(
    first: Value,
    (questions, between): (u32, Duration),
    mut ask: impl AsyncFnMut() -> anyhow::Result<Value>,
    mut say: impl FnMut(&str),
) -> anyhow::Result<Value> {
    let mut operation = first;
    let mut told = text(&operation, "/status_details");
    for _ in 0..questions {
        if !goes_on(&operation) {
            break;
        }
        tokio::time::sleep(between).await;
        operation = ask().await?;
        let details = text(&operation, "/status_details");
        if goes_on(&operation) && details != told {
            say(&details);
            told = details;
        }
    }
    Ok(operation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waits(details: &str) -> Value {
        json!({ "status": "inProgress", "status_details": details })
    }

    #[tokio::test]
    async fn what_an_issuer_says_is_said_once_and_waiting_has_an_end() {
        let (mut questions, mut said) = (0, Vec::new());
        let ask = async || {
            questions += 1;
            Ok(waits(if questions < 3 { "begun" } else { "The issuer is asked again." }))
        };
        let say = |details: &str| said.push(details.to_owned());
        let last = asked(waits("begun"), (6, Duration::ZERO), ask, say).await.unwrap();
        assert!(goes_on(&last));
        assert_eq!((questions, said), (6, vec!["The issuer is asked again.".to_owned()]));
    }

    #[tokio::test]
    async fn nobody_waits_for_what_is_done_or_is_not_to_be_waited_for() {
        let done = json!({ "status": "completed" });
        for (first, questions) in [(done, 6), (waits(""), 0)] {
            let ask = async || Err(anyhow::anyhow!("nobody asks"));
            let last = asked(first.clone(), (questions, Duration::ZERO), ask, |_| ()).await;
            assert_eq!(last.unwrap(), first);
        }
    }
}
