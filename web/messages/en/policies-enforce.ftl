### server/http/src/dashboard/policies/enforce.rs

policies-enforce-no-replay-tried-it = No replay that is kept tried it enforced with this module and these settings on at least 200 records or all that there are, so nobody knows what would change: ask recorded decisions again first.
policies-enforce-nothing-would-change = By the newest replay that tried it, nothing would change.
policies-enforce-all-reviewed = All { $groups } change groups of the newest replay that tried it are reviewed.
policies-enforce-untold = The newest replay that tried it found { $untold } decisions in no group, which nobody can review: ask fewer decisions again.
policies-enforce-not-reviewed = { $open } of { $groups } change groups of the newest replay that tried it are not reviewed: look at them first.
policies-enforce-reviewed = Reviewed
policies-enforce-open = Not reviewed
policies-enforce-change-groups = Change groups
policies-enforce-newest-replay = Newest replay
policies-enforce-groups-reviewed = Groups reviewed
policies-enforce-done-of-groups = { $done } of { $groups }
policies-enforce-review = Review
policies-enforce-ask-again = Ask again
policies-enforce-replay-it-first = Replay it first
policies-enforce-ready-to-enforce = Ready to enforce?
policies-enforce-why-it-cannot-wait = Why it cannot wait
policies-enforce-the-record-tells-it = The record tells it, marked as an emergency, with what was not reviewed.
policies-enforce-enforce = Enforce
policies-enforce-emergency = Enforce without review
policies-enforce-confirm = Enforce
policies-enforce-emergency-enforce = Emergency: enforce without review
policies-enforce-what-it-denies-is-denied = From the next request on, what it denies is denied in { $words }, and so is every request that it gives no usable answer to.
policies-enforce-enforce-name = Enforce { $name }?
