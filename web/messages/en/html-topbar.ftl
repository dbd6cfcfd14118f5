### web/templates/topbar.html

html-topbar-menu = Menu
html-topbar-breadcrumb = Breadcrumb
html-topbar-development = Development
html-topbar-everything = Everything
html-topbar-search-everything = Search everything
html-topbar-search = Search
html-topbar-account-name = Account, { $name }
html-topbar-your-sessions-and-appearance = Your sessions and appearance
html-topbar-sign-out = Sign out
html-topbar-keyboard = Keyboard
html-topbar-filter-this-page = Filter this page
html-topbar-then = then
html-topbar-overview-vaults-access-audit-settings = Overview, vaults, access, why, policy modules, audit, settings, you
html-topbar-next-and-previous-row-enter = Next and previous row; Enter opens it
html-topbar-tick-the-row = Tick or untick the row
html-topbar-explain-and-copy-what-is = Explain, and copy, what is at hand: of the row, or else of the page
html-topbar-this-list = This list
html-topbar-switch-single-keys-off-or = Switch single keys off, or on again
html-topbar-close = Close
