### server/http/src/dashboard/access/whom.rs

access-whom-workload = Workload
access-whom-identity-deleted-this-counts-for = identity deleted: this counts for nobody, and can be removed
access-whom-principal = Principal
access-whom-group = Group
access-whom-group-at-issuer = group at { $issuer }
access-whom-the-group-group = the group { $group }
access-whom-workload-of-this-installation-by = Workload of this installation, by client id
access-whom-either-a-client-id-or = Either a client id, or an issuer with a subject or a group.
access-whom-issuer = Issuer
access-whom-the-exact-issuer-of-the = The exact issuer of the tokens, for example https://login.example.com.
access-whom-subject-at-that-issuer = Subject at that issuer
access-whom-one-person-or-app-names = One person or app. Names and mail addresses identify nobody; the subject does.
access-whom-group-at-that-issuer = Group at that issuer
access-whom-everybody-whom-the-issuer-puts = Everybody whom the issuer puts into it.
access-whom-a-client-id-is-a = A client id is a UUID.
