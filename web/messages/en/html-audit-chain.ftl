### web/templates/audit_chain.html

html-audit-chain-chain-verified-to-head-position = Chain verified to { $head_position }
html-audit-chain-no-gaps-head = No gaps. Head
html-audit-chain-checked = , checked
html-audit-chain-chain-not-verified-yet = Chain not verified yet
html-audit-chain-head-at-position = Head at { $position }
html-audit-chain-no-check-has-run = No check has run
html-audit-chain-chain-broken = Chain broken
html-audit-chain-finding-found = { $finding } Found
