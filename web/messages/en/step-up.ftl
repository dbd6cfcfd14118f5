### server/http/src/dashboard/step_up.rs

step-up-sign-in-again = Sign in again
step-up-your-provider-did-not-say = Your provider did not say that you signed in as this asks for: { $ways }.
step-up-you-signed-in-more-than = You signed in more than { $minutes } minutes ago, or it is not known when.
step-up-why = Why
step-up-what-cannot-be-undone-and = What cannot be undone, and what gives others power, is done by somebody who proved a moment ago who they are: a session that was left open is not enough.
step-up-nothing-was-changed-your-provider = Nothing was changed. Your provider brings you back here.
step-up-sign-in-once-more-for = Sign in once more for this
