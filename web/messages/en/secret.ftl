### server/http/src/dashboard/secret.rs

secret-there-is-no-such-field = There is no such field: the value is no JSON object, or has none of this name.
secret-certificate = Certificate
secret-new-version = New version
secret-edit = Edit
secret-disable = Disable
secret-enable = Enable
secret-delete = Delete
secret-this-version-is-disabled-so = This version is disabled, so nobody can read its value.
secret-you-may-not-read-the = You may not read the value now. It takes the role { $role }, and that no policy of the vault objects.
secret-to-version = to { $version }
secret-compare = Compare
secret-roll-back = Roll back
secret-command-line = Command line
secret-python = Python
