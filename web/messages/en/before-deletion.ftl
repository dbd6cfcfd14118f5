### server/http/src/dashboard/before_deletion.rs

before-deletion-not-known = not among the last reads
before-deletion-nobody = nobody
