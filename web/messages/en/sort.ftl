### server/http/src/dashboard/sort.rs

sort-only-the-first-sorted-are = Only the first { $sorted } are sorted, as the list is kept; the others are not among them. Narrow it to sort the rest.
sort-all-of-count-on-this = { $all } of { $count } on this page
