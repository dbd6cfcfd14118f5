### web/templates/credential.html

html-credential-it-is-shown-this-once = It is shown this once. Strongroom keeps only a keyed hash of it and cannot show it again.
html-credential-i-have-stored-it = I have stored it
html-credential-client-secret = Client secret
html-credential-copy = Copy
html-credential-for-client-id = For client id
html-credential-recorded-as = , recorded as
