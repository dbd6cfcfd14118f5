### web/templates/audit.html

html-audit-title = Audit
html-audit-audit = Audit:
html-audit-every-decision-with-or-without = Every decision, with or without a value in the answer. Records never hold a value.
html-audit-records = Records
html-audit-time-utc = Time, UTC
html-audit-outcome = Outcome
html-audit-who = Who
html-audit-action = Action
html-audit-object = Object
html-audit-from-address = from { $address }
html-audit-answered-status = answered { $status }
html-audit-since-first = since { $first }
html-audit-count-times = { $count } times: show each
html-audit-why = Why
html-audit-decision = Decision
html-audit-no-record-matches-words = No record matches { $words }.
html-audit-records-you-may-not-see = Records you may not see are not counted.
html-audit-clear-the-filter = Clear the filter
html-audit-there-is-nothing-older = There is nothing older.
html-audit-the-log-ended-before-this = The log ended before this page.
html-audit-nothing-has-been-recorded-yet = Nothing has been recorded yet.
html-audit-the-first-request-that-reaches = The first request that reaches the gate appears here.
html-audit-rows-on-this-page-newest = { $rows } on this page, newest first
html-audit-newest = Newest
html-audit-older = Older
