### server/http/src/dashboard/before_deletion.rs

before-deletion-not-known = not among the last reads
before-deletion-nobody = nobody
before-deletion-not-in-24-h = Not in 24 h
