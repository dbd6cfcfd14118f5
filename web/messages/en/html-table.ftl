### web/templates/table.html

html-table-actions = Actions
