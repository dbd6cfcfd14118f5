### server/http/src/dashboard/access/mod.rs

access-effective = Effective
access-assignments = Assignments
access-roles = Roles
access-workloads = Workloads
