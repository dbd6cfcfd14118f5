### server/http/src/dashboard/certificates/revocation.rs

certificates-revocation-revoked = Revoked
certificates-revocation-revoke = Revoke
certificates-revocation-seeing-what-was-revoked = Seeing what was revoked
certificates-revocation-whoever-checks-a-certificate-that = Whoever checks a certificate that { $name } signed asks the list of the key that signed it. A list counts for seven days and is signed again every day.
certificates-revocation-the-lists-pem = The lists, PEM
certificates-revocation-what-name-revoked = What { $name } revoked
certificates-revocation-it-has-signed-nothing-that = It has signed nothing that is still valid, so there is no list. The first certificate that it signs begins one.
certificates-revocation-lists = Lists
certificates-revocation-state = State
certificates-revocation-published-at = Published at
certificates-revocation-nowhere = Nowhere
certificates-revocation-number = Number
certificates-revocation-made = Made
certificates-revocation-counts-until = Counts until
certificates-revocation-nothing-that-its-key-signed = Nothing that its key signed is revoked.
certificates-revocation-revoked-of-version-version = Revoked, of version { $version }
certificates-revocation-the-latest-most-of-count = The latest { $most } of { $count }; the command shows all.
certificates-revocation-list-of-version-version = List of version { $version }
certificates-revocation-not-signed-yet = Not signed yet
certificates-revocation-lapsed = Lapsed
certificates-revocation-not-signed-again-in-time = Not signed again in time
certificates-revocation-counts = Counts
certificates-revocation-not-known = Not known
