### server/http/src/dashboard/again.rs

again-your-session-was-renewed = Your session was renewed after this page was opened, so nothing was done. What you typed is here: look it through and send it again.
again-it-needs-a-sign-in = Nothing was done: this needs a sign-in of the last { $minutes } minutes. What you typed is here: sign in again in another tab, come back to this one and send it.
again-sign-in-in-another-tab = Sign in again, in another tab
again-type-it-once-more = Type it once more: secrets are not sent back.
again-choose-it-once-more = Choose it once more: files are not sent back.
again-you-are-not-signed-in = You are not signed in any more, so nothing was done. What you typed is on this page alone: sign in in another tab, come back to this one and send it again.
