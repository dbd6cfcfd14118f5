### server/http/src/dashboard/audit_views.rs

audit-views-remove = Remove
audit-views-a-name-has = The name of a view has 1 to { $max } characters, each of which can be seen.
audit-views-saved-or-removed = A view is saved or removed.
audit-views-no-more-fit = At most { $max } views fit into what a browser keeps, and fewer of long filters: remove one first.
