### web/templates/panel.html

html-panel-copy = Copy
