### server/http/src/dashboard/issuers/mod.rs

issuers-certificates = Certificates
issuers-issuers = Issuers
issuers-contacts = Contacts
issuers-an-authority-kept-in-a = An authority kept in a vault
issuers-an-authority-elsewhere-by-acme = An authority elsewhere, by ACME
issuers-nobody-that-is-known-here = Nobody that is known here
