### server/http/src/dashboard/endings.rs

endings-what-ends-soon-is-not = What ends soon is not shown: something that is stored of it fails its authentication. Whoever runs the server: strongroom verify --config FILE.
endings-what-ends-soon-could-not = What ends soon could not be read just now.
endings-one-vault = one vault
endings-count-vaults = { $count } vaults
endings-the-plural-of-vaults-are = The { $plural } of { $vaults } are not among what ends soon: listing them needs the role Key Vault Reader there.
endings-one-item = one item
endings-count-items = { $count } items
endings-count-items-and-more = { $count } items and more
endings-today = Today
endings-ending-in-90-days = Ending in 90 days
endings-of-the-first-max-vaults = Of the first { $max_vaults_at_once } of { $vaults } vaults; the others are not looked at here.
endings-none = None
endings-no-secret-that-you-may = No secret that you may list is older than a year, and no rotation is late.
endings-secrets-count-by-the-age = Secrets count by the age of their current version; keys and certificates are late a day after their date.
endings-vaults-more-vaults-have-some = { $vaults } more vaults have some.
endings-not-counted-where-a-policy = Not counted where a policy module judges each name: { $uncounted }.
endings-rotation-by-vault = Rotation by vault
endings-words-or-more = { $words } or more
endings-none-ends-where-you-may = None ends where you may list them
endings-none-ends = None ends
endings-only-versions-that-are-current = Only versions that are current no more were looked at; there are more
endings-label-and-rest-later = { $label } and { $rest } later
endings-label-and-more-than-rest = { $label } and more than { $rest } later
