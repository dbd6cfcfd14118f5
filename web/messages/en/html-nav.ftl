### web/templates/nav.html

html-nav-main = Main
html-nav-overview = Overview
html-nav-vaults = Vaults
html-nav-pinned = pinned
html-nav-govern = Govern
html-nav-access = Access
html-nav-waiting = waiting
html-nav-why = Why
html-nav-policy-modules = Policy modules
html-nav-evidence = Evidence
html-nav-audit = Audit
html-nav-operate = Operate
html-nav-settings = Settings
html-nav-all-vaults = All vaults
