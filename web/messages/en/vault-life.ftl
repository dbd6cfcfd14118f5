### server/http/src/dashboard/vault_life.rs

vault-life-delete-recoverable-until-until = Delete, recoverable until { $until }
vault-life-every-read-of-everything-in = Every read of everything in it fails from then on. Until { $until } it can be recovered with all that is in it; its name stays taken.
vault-life-confirm = Confirm
vault-life-delete = Delete
vault-life-delete-name = Delete { $name }?
vault-life-recover = Recover
vault-life-purge-name = Purge { $name }
vault-life-no-deleted-vaults = No deleted vaults
vault-life-one-deleted-vault = One deleted vault
vault-life-count-deleted-vaults = { $count } deleted vaults
vault-life-nothing-is-deleted-that-you = Nothing is deleted that you may see.
vault-life-a-deleted-vault-stays-here = A deleted vault stays here until its purge date and can be recovered with all that is in it.
vault-life-deleted-vaults = Deleted vaults
vault-life-not-deleted = Not deleted
vault-life-never = Never
vault-life-name = Name
vault-life-deleted = Deleted
vault-life-purged = Purged
vault-life-purge-for-good = Purge for good
vault-life-this-vault-is-purge-protected = This vault is purge protected: it is not purged before its date.
vault-life-its-key-goes-first-everything = Its key goes first: everything in it, every version and every grant are gone. Nothing brings them back.
vault-life-deleted-vault = Deleted vault
vault-life-purge-name-for-good = Purge { $name } for good?
vault-life-purge = Purge
vault-life-deleted-word = deleted
vault-life-purged-word = purged
