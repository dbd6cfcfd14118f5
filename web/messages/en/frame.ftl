### server/http/src/dashboard/frame.rs

frame-unsealed = Unsealed
frame-count-shadow = { $count } shadow
frame-stored-data-damaged-found-now = Stored data damaged, found { $now }
frame-audit-chain-not-verified-yet = Audit chain not verified yet
frame-audit-chain-verified-now = Audit chain verified { $now }
frame-audit-chain-broken-found-now = Audit chain broken, found { $now }
frame-not-looked-through-yet = Not looked through yet
frame-authentic = Authentic
frame-rows-rows-authentic = { $rows } rows authentic
frame-damaged = Damaged
