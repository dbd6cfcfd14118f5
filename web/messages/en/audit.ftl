### server/http/src/dashboard/audit.rs

audit-last-length = Last { $length }
audit-reload = Reload
audit-only-most-records-have-been = Only { $most } records have been looked through so far; the next page looks on from there.
audit-requests-without-a-valid-credential = Requests without a valid credential have an outcome of their own: unauthenticated.
audit-no-chart-more-than-most = No chart: more than { $most } records would have to be looked through for it. A shorter time may have one; charts that name no more than an outcome, a vault and an operation are counted ahead, and told again within minutes after a start.
audit-allowed-allowed-denied-denied-failed = { $allowed } allowed, { $denied } denied, { $failed } failed
audit-challenged-challenged-not-drawn = , { $challenged } challenged (not drawn)
audit-most-denials-from-label-denied = ; most denials from { $label }, { $denied }
audit-length-by-wide-counts = { $length } by { $wide }: { $counts }
audit-in-length-counts-most = In { $length }: { $counts }{ $most }.
audit-what-by-who = { $what }, by { $who }
audit-not-known = not known
audit-no-chart-the-records-could = No chart: the records could not be counted just now.
audit-subject-at-issuer = { $subject } at { $issuer }
audit-denied-of-all-in-length = { $denied } denied of { $all } in { $length }
audit-denied-in-length = { $denied } denied in { $length }
audit-told-one-reason-covers = { $told }; one reason covers { $share } %: { $reason }
audit-the-filter-cannot-be-asked = Nothing was looked for
