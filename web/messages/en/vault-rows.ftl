### server/http/src/dashboard/vault_rows.rs

vault-rows-seeing-denials = Seeing denials
vault-rows-seeing-owners = Seeing owners
vault-rows-hidden = Hidden
vault-rows-not-known = Not known
vault-rows-none = None
vault-rows-count-or-more = { $count } or more
vault-rows-none-of-its-own = None of its own
vault-rows-and-rest-more = and { $rest } more
