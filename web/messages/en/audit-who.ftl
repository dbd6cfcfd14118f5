### server/http/src/dashboard/audit_who.rs

audit-who-workload-client-id = Workload { $client_id }
audit-who-sign-ins-of-name = Sign-ins of { $name }, failed ones too
