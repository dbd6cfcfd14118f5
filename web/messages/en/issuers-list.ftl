### server/http/src/dashboard/issuers/list.rs

issuers-list-new-issuer = New issuer
issuers-list-not-shown-to-you = Not shown to you
issuers-list-the-certificates-own-key-at = The certificate's own key, at once
issuers-list-whoever-is-given-the-request = Whoever is given the request
issuers-list-always-there = Always there
issuers-list-never = Never
issuers-list-no-issuer-was-set-up = No issuer was set up in { $vault }
issuers-list-one-issuer-in-vault = One issuer in { $vault }
issuers-list-count-issuers-in-vault = { $count } issuers in { $vault }
issuers-list-the-policy-of-a-certificate = The policy of a certificate names the issuer that signs it and its renewals.
issuers-list-issuers = Issuers
issuers-list-enabled = Enabled
issuers-list-disabled = Disabled
