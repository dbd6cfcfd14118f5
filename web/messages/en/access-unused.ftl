### server/http/src/dashboard/access/unused.rs

access-unused-remove-unused = Remove what is unused
access-unused-before-and-after = What would go
access-unused-confirm = Confirm
access-unused-next-page = Next page
access-unused-what-no-request-rested-on = No request rested on these for 90 days. Before and after say how many grants somebody has here now, and would have without those of this page.
access-unused-remove = Remove
access-unused-nothing-here-is-unused = Nothing here is known to be unused.
access-unused-too-many-to-count = Too many to count
access-unused-what-of-who-at-scope = { $what } of { $who } at { $scope }
access-unused-remove-what-is-ticked = Remove what is ticked, from the next request on
access-unused-access-policy = Access policy
access-unused-take-them-away = Take them away
access-unused-nothing-was-ticked = Tick at least one grant.
access-unused-removed = Removed
access-unused-each-was-judged-and-recorded = Each was judged and recorded by itself; one that was refused kept none of the others.
access-unused-back-to-what-is-unused = Back to what is unused
access-unused-kept-are-not-unused = Not done, because they were used or changed meanwhile, or are gone: { $kept }.
access-unused-what-came-of-it = What came of it
access-unused-done-of-all-taken-away = { $done } of { $all } removed
