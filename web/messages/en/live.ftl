### server/http/src/dashboard/live.rs

live-that-is-not-a-records = That is not a record's id.

live-allowed = Allowed
live-denied = Denied
live-failed = Failed
live-unauthenticated = Unauthenticated
live-why = Why
