### server/http/src/dashboard/access/mod.rs

access-assignments = Assignments
access-roles = Roles
access-workloads = Workloads
