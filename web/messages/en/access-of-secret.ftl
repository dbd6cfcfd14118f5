### server/http/src/dashboard/access/of_secret.rs

access-of-secret-who-can-read-it = Who can read it
access-of-secret-hidden-with-the-vault = Hidden: who can read it is shown to who may see the vault.
access-of-secret-a-policy-module-decides = The policy modules of this vault decide alone: Why tells what they would say of somebody.
access-of-secret-readers-hidden = Hidden: seeing who can read it needs the role { $role } on this vault or the installation.
access-of-secret-could-not-be-read = Who can read it could not be read just now.
access-of-secret-nobody = Nobody: no role and no access policy that counts here lets anybody read it.
access-of-secret-installation-hidden = Hidden: roles that are given at the whole installation.
access-of-secret-not-all = Only the first { $most } assignments of each scope were looked through.
access-of-secret-both-are-needed = In this vault it takes both, a role and an access policy. Network rules and policy modules may refuse it besides.
access-of-secret-others-may-refuse = Network rules and policy modules may refuse it all the same.
access-of-secret-access-policy = Access policy
access-of-secret-if-it-holds-that = if this role of your own holds that
