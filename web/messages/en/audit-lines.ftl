### server/http/src/dashboard/audit_lines.rs

audit-lines-folded-in-part = Only { $most } records have been folded so far; the next page goes on from there.
audit-lines-show-each = Show each record
audit-lines-group = Group repeats
audit-lines-reason-count-times = { $reason }, { $count } times
