### server/http/src/dashboard/audit_export.rs

audit-export-all-records = Export all { $records } as JSON lines
audit-export-about-records = Export about { $about } as JSON lines
audit-export-newest-most-of-about = Export the newest { $most } of about { $about } as JSON lines
audit-export-newest-most = Export the newest { $most } as JSON lines
audit-export-told = An export holds what the filter takes, the newest { $most } records or 16 MiB at most: its first line says how many, whether that is all, and where the rest is. It carries no chain and cannot be verified by itself; the whole log can, by the commands below. They name this server's public audit key, as Settings shows it: whoever doubts the server compares it with audit.pub, which its operator gave to auditors.
audit-export-to-be-verified = Whole log, to be verified
audit-export-part-is-a-number = part is a whole number from 1.
