### server/http/src/dashboard/access/owners.rs

access-owners-owners = Owners
access-owners-owners-are-hidden-seeing-them = Owners are hidden: seeing them needs the role Key Vault Reader on this vault or the installation.
access-owners-the-owners-could-not-be = The owners could not be looked up just now.
access-owners-those-of-the-installation-could = Those of the installation could not be looked up just now.
access-owners-those-of-the-installation-are = Those of the installation are hidden: seeing them needs the role Key Vault Reader on the installation.
access-owners-more-more-may-give-access = { $more } more may give access.
access-owners-vault-access = Vault access
access-owners-may-give-access = may give access
access-owners-nobody-of-whom-you-may = Nobody of whom you may know.
access-owners-on-the-installation = on the installation
access-owners-on-this-vault = on this vault
access-owners-what-is-in-it-is = What is in it is granted by policy modules; they may give the roles that manage it.
access-owners-those-of-the-vault-are-not-told = Those of the vault itself are not told to you now.
