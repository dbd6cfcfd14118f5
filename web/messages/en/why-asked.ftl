### server/http/src/dashboard/why/asked.rs

why-asked-say-which-vault-it-is = Say which vault it is about.
why-asked-a-client-id-is-a-uuid = A client id is a UUID.
why-asked-a-claim-is-name-value = A claim is NAME=VALUE.
why-asked-this-is-no-address = This is no IP address.
why-asked-this-is-no-moment = This is no moment.
why-asked-who-a-workload = Who: a workload, by client id
why-asked-either-a-client-id-or = Either a client id, or an issuer and a subject.
why-asked-issuer = Who: issuer
why-asked-subject = Subject at that issuer
why-asked-kind = Kind
why-asked-a-person = A person
why-asked-a-workload = A workload
why-asked-groups = Groups
why-asked-one-a-line = One a line, as the issuer names them.
why-asked-claims = Claims
why-asked-name-value-one-a-line = NAME=VALUE, one a line, as policy modules see them.
why-asked-does = Does
why-asked-as-records-name-it = The operation as records name it: SecretGet, KeySign.
why-asked-to-the-vault = To the vault
why-asked-object = Object
why-asked-its-kind-is-that-of = Its name; its kind is that of the operation. Empty for the vault, or for a list.
why-asked-version = Version
why-asked-the-current-one-when-empty = The current one when empty.
why-asked-algorithm = Algorithm
why-asked-of-an-operation-with-a-key = Of an operation with a key: PS256, A256KW.
why-asked-from-address = From the address
why-asked-yours-when-empty = Yours when empty.
why-asked-listener = By the listener
why-asked-that-of-your-connection = That of your connection when empty.
why-asked-at-utc = At, UTC
why-asked-now-when-empty = Now when empty. Rules and objects are as they are now.
why-asked-explain = Explain
