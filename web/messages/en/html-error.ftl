### web/templates/error.html

html-error-try-again = Try again
html-error-quote-request = Quote request
html-error-when-you-report-this = when you report this.
html-error-the-requests-id = the request's id
