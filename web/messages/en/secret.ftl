### server/http/src/dashboard/secret.rs

secret-there-is-no-such-field = There is no such field: the value is no JSON object, or has none of this name.
secret-certificate = Certificate
secret-new-version = New version
secret-edit = Edit
secret-disable = Disable
secret-enable = Enable
secret-delete = Delete
secret-this-version-is-disabled-so = This version is disabled, so nobody can read its value.
secret-others-have-to-approve-it = The policy module { $module } wants somebody else to approve that you read the value. Nobody was asked yet: looking at this page asks nobody.
secret-your-request-waits = The policy module { $module } wants somebody else to approve that you read the value. Your request { $id } waits for that.
secret-somebody-refused-it = The policy module { $module } wants somebody else to approve that you read the value. Somebody refused your request { $id }.
secret-you-may-not-read-the = You may not read the value now. It takes the role { $role }, and that no policy of the vault objects.
secret-to-version = to { $version }
secret-compare = Compare
secret-roll-back = Roll back
secret-command-line = Command line
secret-python = Python
secret-by-who = by { $who }
