### server/http/src/dashboard/certificates/list.rs

certificates-list-new-certificate = New certificate
certificates-list-import = Import
certificates-list-each-with-a-key-and = Each with a key and a secret of its name, which change with it alone.
certificates-list-certificates = Certificates
certificates-list-one-is-made-here-or = One is made here, or imported with its private key as PFX or PEM.
certificates-list-not-yet-known = Not yet known
certificates-list-by-hand = By hand
certificates-list-names-nobody = names nobody
