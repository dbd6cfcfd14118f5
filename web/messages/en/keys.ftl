### server/http/src/dashboard/keys.rs

keys-new-key = New key
keys-no-private-part-ever-leaves = No private part ever leaves the vault: keys are used where they are.
keys-keys = Keys
keys-a-key-is-made-here = A key is made here, imported, or restored from a backup.
keys-never = Never
keys-import = Import
keys-restore = Restore a backup
