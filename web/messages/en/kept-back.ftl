### server/http/src/dashboard/kept_back.rs

kept-back-its-network-rules = its network rules refuse your address
kept-back-policy-module = the policy module { $module } refuses
kept-back-silent-module = the policy module { $module } gives no answer
kept-back-why = Why
kept-back-open = Open
kept-back-left-out = Left out
kept-back-your-roles-show-them = your roles show them, something else keeps them back
kept-back-more = More vaults that are left out: { $count }.
kept-back-one-left-out = Vault { $vault } is left out: { $by }. Its own page says why.
kept-back-several-left-out = { $count } vaults are left out although your roles show them. The list of vaults says why.
kept-back-headline = { $shown }, vaults left out: { $count }
kept-back-vault-is-closed = Vault { $vault } is closed to you
kept-back-more-are-closed = More vaults that are closed to you: { $count }
