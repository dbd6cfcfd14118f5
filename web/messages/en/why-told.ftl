### server/http/src/dashboard/why/told.rs

why-told-allowed = The gate lets it through
why-told-denied-by-module = Denied by the policy module { $module }
why-told-denied-at-stage = Denied at: { $stage }
why-told-not-reached = Not reached
why-told-verdict = Verdict
why-told-the-gate-was-not-asked = The gate was not asked: the request did not get that far.
why-told-stages = Stages
why-told-none = None
why-told-in-the-order-in-which = in the order in which they were judged
why-told-recorded-and-now = Recorded and now
why-told-nobody-asked-anew = judged again by the rules and objects as they are; nothing came of it
why-told-passed = Passed
why-told-stopped = Stopped
why-told-no-opinion = No opinion
why-told-not-asked = Not asked
why-told-would-pass = Would pass
why-told-would-stop = Would stop
why-told-relied-on-relied-on = (relied on { $relied_on })
why-told-message = Message
why-told-vault = Vault
why-told-network-rules = Network rules
why-told-identity = Identity
why-told-roles-and-access-policies = Roles and access policies
why-told-policy-modules = Policy modules
why-told-the-object = The object
