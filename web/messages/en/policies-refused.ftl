### server/http/src/dashboard/policies/refused.rs

policies-refused-why = Why
policies-refused-refused-in-the-last-30 = Refused in the last 30 days
policies-refused-uploads-the-newest-first = uploads, the newest first
policies-refused-not-looked-at = Not looked at
