### web/src/pages/secrets.rs

page-secrets-name = Name
page-secrets-state = State
page-secrets-updated = Updated
page-secrets-expires = Expires
page-secrets-tags = Tags
page-secrets-count-in-vault = { $count } in { $vault }
page-secrets-count-in-vault-words = { $count } in { $vault } { $words }
page-secrets-secrets-in-vault = Secrets in { $vault }
page-secrets-secrets-in-vault-words = Secrets in { $vault } { $words }
page-secrets-no-secrets = No secrets
page-secrets-one-secret = One secret
page-secrets-count-secrets = { $count } secrets
page-secrets-not-for-a-year = Not for a year
page-secrets-last-read = Last read
page-secrets-readers-24-h = Readers, 24 h
