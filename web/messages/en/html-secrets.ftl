### web/templates/secrets.html

html-secrets-secrets-of-vault = Secrets of { $vault }
html-secrets-names-and-dates-only-no = Names and dates only. No value leaves the vault on this page.
html-secrets-secrets = Secrets
html-secrets-search-names = Search names
html-secrets-part-of-a-name = part of a name
html-secrets-tag = Tag
html-secrets-name-or-name-value = name, or name=value
html-secrets-state = State
html-secrets-expires = Expires
html-secrets-rotated = Rotated
html-secrets-search = Search
html-secrets-clear = Clear
html-secrets-chosen = Chosen
html-secrets-choose-name = Choose { $name }
html-secrets-updated = Updated
html-secrets-never = Never
html-secrets-none = None
html-secrets-with-those-that-are-chosen = With those that are chosen
html-secrets-do = Do
html-secrets-for-tags-alone = for tags alone
html-secrets-its-value = Its value
html-secrets-do-it = Do it
html-secrets-here-are-no-secrets-words = Here are no secrets { $words }.
html-secrets-only-names-and-metadata-are = Only names and metadata are searched, and only those you may list.
html-secrets-clear-the-search = Clear the search
html-secrets-there-is-nothing-more = There is nothing more.
html-secrets-the-list-ended-before-this = The list ended before this page.
html-secrets-no-secrets-in-vault-yet = No secrets in { $vault } yet.
html-secrets-set-the-first-one-from = Set the first one from a shell or from your application.
html-secrets-command-that-sets-a-secret = Command that sets a secret
html-secrets-rows-on-this-page = { $rows } on this page
html-secrets-first-page = First page
html-secrets-next-page = Next page
html-secrets-the-command = the command
html-secrets-last-read = Last read
html-secrets-readers = Readers
