### web/templates/page.html

html-page-sidebar = Sidebar
html-page-what-is-changed-here-needs = What is changed here may need a sign-in of the last 15 minutes, and yours is older.
html-page-sign-in-again = Sign in again before you fill anything in
html-page-undo = Undo
