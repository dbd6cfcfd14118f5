### server/http/src/dashboard/me.rs

me-as-the-system = As the system
me-light = Light
me-dark = Dark
me-this-one = This one
me-another-browser-or-the-command = Another browser, or the command line
me-end = End
me-session-of-began = session of { $began }
me-sessions = Sessions
me-newest-first = newest first
me-what-is-ended-here-counts = What is ended here counts for nothing from its next request on.
me-end-all-others = End all others
me-none = None
me-name = Name
me-subject = Subject
me-issuer = Issuer
me-groups = Groups
me-theme = Theme
me-compact-rows = Compact rows
me-save = Save
me-you-have-this-session-alone = You have this session alone
me-you-have-two-sessions = You have two sessions
me-you-have-others-sessions = You have { $others } sessions
me-signed-in-at-issuer = Signed in at { $issuer }.
me-you = You
me-appearance = Appearance
me-there-is-no-such-theme = There is no such theme.
