### server/http/src/dashboard/issuers/uses.rs

issuers-uses-seeing-what-is-signed-by = Seeing what is signed by whom
issuers-uses-of-those-looked-through = of those looked through
issuers-uses-nothing = Nothing
issuers-uses-nothing-so-far = Nothing so far
issuers-uses-named-and-count-more = { $named } and { $count } more
issuers-uses-no-policy-of-a-certificate = No policy of a certificate names it.
issuers-uses-signs = Signs
issuers-uses-not-all-certificates-of-the = Not all certificates of the vault were looked through.
