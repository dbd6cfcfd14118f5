### server/http/src/dashboard/would_allow.rs

would-allow-what-would-allow-it = What would allow it
would-allow-each-change-of-a-rule = Each change of a rule that you could make is tried by the gate on rules as they would be; nothing is changed.
would-allow-find-out = Find out
would-allow-as-things-are-now-this = As things are now, this request is allowed.
would-allow-no-single-change-that-was = No single change that was tried and that you could make would let this request through.
would-allow-tried-were-tried = {" "}Tried were: { $tried }.
would-allow-time-was-up-before-all = {" "}Time was up before all was tried and counted.
would-allow-counted-among-the-newest-replayed = Counted among the newest { $replayed } decisions on the vault, asked again with each change.{ $up }
would-allow-each-by-itself-as-things = each by itself, as things are now ({ $code })
would-allow-commands-that-make-a-change = Commands that make a change
would-allow-the-request-that-waits-for = The request that waits for it is { $id }.
would-allow-no-request-waits-for-it = No request waits for it now; one is opened when it is asked for again.
would-allow-it-would-do-if-somebody = It would do if somebody else approved, as the module that denied says. { $which }
would-allow-approval = Approval
would-allow-open-approvals = Open the request
would-allow-it-takes-the-rule-away = takes the rule away for others too
would-allow-none = None
would-allow-changes-that-are-not-yours = Changes that are not yours to make
would-allow-recorded-decisions-that-would-change = Recorded decisions that would change
