### server/http/src/dashboard/refusal.rs

refusal-what-let-your-address-or = { $what }: let your address or listener in too, without an end, or confirm below.
refusal-it-was-changed-meanwhile-so = It was changed meanwhile, so nothing was done now: what you see is how it is. Send it again if it is still what you want.
refusal-it-was-changed-meanwhile-kept = It was changed meanwhile, so nothing was done now: the form holds what you typed, and “Stored now” is how it is. Sending it again puts yours in its place.
refusal-stored-now = Stored now
refusal-policy-attachment = policy { $attachment },{" "}
refusal-type-the-name-to-confirm = Type the name to confirm
refusal-nothing-was-done-type-the = Nothing was { $done }: type the name { $name } to confirm.
refusal-yes = Yes
refusal-no = No
refusal-none = None
refusal-reason-for-the-record = Reason, for the record
refusal-it-is-recorded-with-it = It stands in the audit record of this act, for ever. No secrets here.
refusal-say-why-it-is-done = Nothing was done: say why it is done.
refusal-sign-in-again-in-another-tab = Sign in again, in another tab
