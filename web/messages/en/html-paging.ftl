### web/templates/paging.html

html-paging-first-page = First page
html-paging-next-page = Next page
