### server/http/src/dashboard/access/in_vault.rs

access-in-vault-only-the-first-most-assignments = Only the first { $most } assignments are shown; the list under Access has all.
access-in-vault-the-vaults-access-mode-could = The vault's access mode could not be read, so nothing is marked as not in use.
access-in-vault-give-a-role = Give a role
access-in-vault-set-access-policy = Set access policy
access-in-vault-who-uses-it = Effective access
access-in-vault-remove = Remove
access-in-vault-not-in-use-here-for = not in use here for what is in the vault, only for managing it
access-in-vault-roles-at-this-vault-and = Roles at this vault and below
access-in-vault-roles-at-the-installation = Roles at the installation
access-in-vault-roles-given-at-the-installation = Roles given at the installation are hidden: seeing them needs the role Key Vault Reader on the installation.
access-in-vault-not-in-use-here-the = not in use here: the access mode does not ask them
access-in-vault-nobody-can-use-what-is = Nobody can use what is in this vault: it asks access policies, and there is none. You cannot set your own while it does: somebody else has to who holds those permissions by a role.
access-in-vault-access-policies = Access policies
access-in-vault-the-access-policies-of-this = The access policies of this vault are hidden from you.
access-in-vault-list-assignments = List assignments
access-in-vault-list-access-policies = List access policies
access-in-vault-access-by-mode-network-rules = Access by { $mode }. Network rules and policy modules can only narrow it.
access-in-vault-access-to-vault = Access to { $vault }
access-in-vault-none = None.
access-in-vault-change = Change
access-in-vault-none-2 = None
