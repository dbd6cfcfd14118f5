### web/templates/lanes.html

html-lanes-count-from-label-on = { $count } from { $label } on
html-lanes-the-same-as-a-list = The same as a list
html-lanes-by-day = { $lane } by day
html-lanes-count-in-the-list = { $count } from { $label } on, in the list
