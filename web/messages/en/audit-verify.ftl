### server/http/src/dashboard/audit_verify.rs

audit-verify-this-time = Verify this time
audit-verify-findings = Findings
audit-verify-chains = Chains
audit-verify-what-was-checked = What was checked
audit-verify-checked = Every record is as it was written, the columns by which it is found are what it says, each follows from the one before it, and the newest signed checkpoint agrees. Whatever else the filter says is left aside: a chain has all records of its time.
audit-verify-not-checked = Not checked here: that stored rows are what the log says, and checkpoints that are kept outside the database. The commands below do that for the whole log, on another machine.
audit-verify-from-until = From { $from } until { $until }. That it was verified is on record.
audit-verify-back = Back to the records
audit-verify-cut = There are more records in that time than are verified at once: only the newest 20,000 positions were. Choose a shorter time for the others.
audit-verify-verified = Verified
audit-verify-nothing-there = There are no records of that time
audit-verify-all-fit = { $records } records are as they were written
audit-verify-wrong = Records are not as they were written: findings, { $wrong }
audit-verify-intact = Intact
audit-verify-broken = Broken
audit-verify-more = And { $rest } more.
audit-verify-all-covered = All of it
audit-verify-covered-to = to position { $position }
audit-verify-not-covered = not yet
audit-verify-positions = { $first } to { $last }
audit-verify-by-checkpoint = The newest checkpoint was signed { $at } and is authentic. What it does not cover yet is not proven against somebody who can write the database; the next one follows within seconds.
audit-verify-by-none = There was no checkpoint to compare with.
