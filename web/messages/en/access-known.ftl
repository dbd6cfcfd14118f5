### server/http/src/dashboard/access/known.rs

access-known-yours-at-issuer = yours, at { $issuer }
access-known-the-installation = the installation
access-known-the-vault-with-all-that = the vault with all that is in it
access-known-at-issuer = at { $issuer }
access-known-granted-at-already = granted at already
