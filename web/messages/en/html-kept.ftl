### web/templates/kept.html

html-kept-nothing-was-done-yet = Nothing was done yet
html-kept-secrets-and-files-are-not = Secrets and files are not kept: you will be asked for them again.
html-kept-sign-in-in-another-tab = Sign in, in another tab
html-kept-send-it-again = Send it again
html-kept-what-was-sent = What was sent
