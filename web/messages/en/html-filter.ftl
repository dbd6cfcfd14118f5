### web/templates/filter.html

html-filter-filter = Filter
html-filter-clear = Clear
