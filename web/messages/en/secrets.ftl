### server/http/src/dashboard/secrets.rs

secrets-new-secret = New secret
secrets-only-searched-names-have-been = Only { $searched } names have been searched so far; the next page searches on from there.
secrets-this-page-is-not-one = This page is not one of this list: begin at its first one.
secrets-change-several = Change several
secrets-delete-several = Delete several
secrets-import = Import .env
secrets-seeing-reads = Seeing reads
secrets-version-rotated = v{ $version }, rotated { $day }
