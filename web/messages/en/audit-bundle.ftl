### server/http/src/dashboard/audit_bundle.rs

audit-bundle-newest = Receipts of the newest { $most }
audit-bundle-to-check = Receipts, to be checked offline
