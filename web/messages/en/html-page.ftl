### web/templates/page.html

html-page-sidebar = Sidebar
