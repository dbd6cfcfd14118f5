### web/templates/secret.html

html-secret-older-version = Older version
html-secret-secret-in-vault-version-of = Secret in { $vault }. Version of
html-secret-show-the-current-version = Show the current version
html-secret-details = Details
html-secret-identifier = Identifier
html-secret-content-type = Content type
html-secret-not-set = Not set
html-secret-created = Created
html-secret-updated = Updated
html-secret-not-before = Not before
html-secret-expires = Expires
html-secret-never = Never
html-secret-deletion = Deletion
html-secret-the-identifier-is-what-clients = The identifier is what clients use.
html-secret-the-identifier = the identifier
