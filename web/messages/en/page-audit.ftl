### web/src/pages/audit.rs

page-audit-no-kind-records = No { $kind }records
page-audit-newest-count-kind-noun = Newest { $count } { $kind }{ $noun }
page-audit-count-older-kind-noun = { $count } older { $kind }{ $noun }
page-audit-rows-of-records = { $records } records in { $rows } rows
page-audit-allowed = Allowed
page-audit-denied = Denied
page-audit-failed = Failed
page-audit-unauthenticated = Unauthenticated
page-audit-challenged = Challenged
