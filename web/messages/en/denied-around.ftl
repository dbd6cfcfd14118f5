### server/http/src/dashboard/denied_around.rs

denied-around-what-you-can-see = What you can see
denied-around-in-audit = Open in Audit
denied-around-hidden-needs-auditor = Hidden: seeing them needs the role Strongroom Auditor on the installation
denied-around-identifier = Identifier
denied-around-state = State
denied-around-version = Version
denied-around-ordinal-made = { $ordinal }, made { $at }
denied-around-expires = Expires
denied-around-never = Never
denied-around-value = Value
denied-around-hidden = Hidden
denied-around-readers = Readers and activity
