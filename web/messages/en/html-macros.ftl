### web/templates/macros.html

html-macros-copy = Copy
