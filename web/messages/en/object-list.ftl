### server/http/src/dashboard/object_list.rs

object-list-items-on-this-page = { $items } on this page
object-list-search-names = Search names
object-list-part-of-a-name = part of a name
object-list-tag = Tag
object-list-name-or-name-value = name, or name=value
object-list-state = State
object-list-expires = Expires
object-list-rotated = Rotated
object-list-search = Search
object-list-no-plural-yet = No { $plural } yet.
object-list-there-is-nothing-more = There is nothing more.
object-list-the-list-ended-before-this = The list ended before this page.
object-list-no-word-is-like-that = No { $word } is like that.
object-list-only-names-and-metadata-are = Only names and metadata are searched, and only those you may list.
object-list-no-plural-in-vault-words = No { $plural } in { $vault }{ $words }
object-list-one-word-in-vault-words = One { $word } in { $vault }{ $words }
object-list-count-plural-in-vault-words = { $count } { $plural } in { $vault }{ $words }
object-list-first-letters-in-vault-words = { $first }{ $letters } in { $vault }{ $words }
