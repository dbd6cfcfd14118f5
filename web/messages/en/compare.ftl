### server/http/src/dashboard/compare.rs

compare-same = Same
compare-changed = Changed
compare-only-in-the-current-one = Only in the current one
compare-only-in-the-earlier-one = Only in the earlier one
compare-a-field-whose-name-is = A field whose name is no plain word
compare-the-whole-value = The whole value
compare-content-type = Content type
compare-enabled = Enabled
compare-not-before = Not before
compare-expires = Expires
compare-tags = Tags
compare-compare = Compare
compare-the-values-of-name-are = The values of { $name } are the same
compare-one-part-of-name-changed = One part of { $name } changed
compare-count-parts-of-name-changed = { $count } parts of { $name } changed
compare-from-the-version-of-created = From the version of { $created } to the current one of { $created2 }. Values stay hidden until you reveal both sides.
compare-show-the-earlier-one = Show the earlier one
compare-show-the-current-one = Show the current one
compare-value = Value
compare-both-versions-were-read-for = Both versions were read for this, and both reads are recorded.
compare-attributes = Attributes
compare-read-the-older-version = Read the older version
compare-read-the-current-version = Read the current version
