### web/templates/not_found.html

html-not-found-not-found = Not found
html-not-found-there-is-nothing-here-for = There is nothing here for you
html-not-found-the-address-may-be-wrong = The address may be wrong, the item may be gone, or you may not be allowed to know of it.
html-not-found-back-to-the-start = Back to the start
html-not-found-request = Request
