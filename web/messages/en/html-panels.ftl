### web/templates/panels.html

html-panels-views = Views
