### server/http/src/dashboard/policies/logs.rs

policies-logs-messages-and-failures = Messages and failures
policies-logs-hidden = Hidden: seeing this needs the right to read audit records.
policies-logs-not-read = The records could not be read.
policies-logs-all-of-the-last-day = Of the last 24 hours.
policies-logs-looked-through = Of the last 24 hours, among the newest { $looked_through } records and the newest { $denials } denials.
policies-logs-nothing = It said nothing, and gave an answer each time it was asked.
policies-logs-no-answer = No answer
policies-logs-not-known = Not known
