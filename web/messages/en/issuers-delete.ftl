### server/http/src/dashboard/issuers/delete.rs

issuers-delete-taken-away = taken away
issuers-delete-delete = Delete
issuers-delete-delete-for-good = Delete for good
issuers-delete-its-account-at-the-authority = {" "}Its account at the authority is given up, and the key of that is gone.
issuers-delete-the-authority-itself-stays-where = {" "}The authority itself stays where it is.
issuers-delete-confirm = Confirm
issuers-delete-what-it-signed-stays-certificates = What it signed stays. Certificates whose policies name it are renewed no more, until they name another.{ $account }
issuers-delete-delete-name-for-good = Delete { $name } for good?
