### server/http/src/dashboard/view.rs

view-an-unknown-time = an unknown time
view-at-at2-utc = { $at }, { $at2 } UTC
view-at-utc = { $at } UTC
view-enabled = Enabled
view-expiring = Expiring
view-expired = Expired
view-not-yet-valid = Not yet valid
view-disabled = Disabled
view-none = None
view-recoverable-for-days-days = Recoverable for { $days } days
view-recoverable-for-days-days-purge = Recoverable for { $days } days, purge protected
view-until-then-it-can-also = until then it can also be purged for good.
view-nothing-in-this-vault-is = nothing in this vault is purged before its date.
view-person = Person
view-workload = Workload
view-installation = Installation
view-unknown = Unknown
view-challenged = Challenged
view-allowed = Allowed
view-denied = Denied
view-failed = Failed
view-unauthenticated = Unauthenticated
