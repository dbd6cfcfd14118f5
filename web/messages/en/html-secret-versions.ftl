### web/templates/secret_versions.html

html-secret-versions-versions = Versions
html-secret-versions-newest-first = newest first
html-secret-versions-actions = Actions
html-secret-versions-current = Current
html-secret-versions-created = Created
html-secret-versions-expires = Expires
html-secret-versions-never = Never
html-secret-versions-reads-24-h = Reads, 24 h
html-secret-versions-still-read = Still read
