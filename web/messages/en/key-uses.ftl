### server/http/src/dashboard/key_uses.rs

key-uses-count-or-more = { $count } or more
key-uses-not-lately = Not among the last 1,000 records
key-uses-never = Never on record
