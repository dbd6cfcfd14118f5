### server/http/src/dashboard/access/preview.rs

access-preview-before-and-after = Before and after
access-preview-the-role-is-not-known = There is no such role among those that you may see, so nothing is told of it.
access-preview-what-they-hold-is-not = What they hold there is told to those who may read assignments.
access-preview-nothing = Nothing
access-preview-nothing-is-written-yet = nothing is written yet
access-preview-groups-aside = What is held by a group aside. Policy modules and network rules still have their say.
access-preview-below-the-installation-alone = What is held at the installation, and by a group, is not seen here. Policy modules and network rules still have their say.
access-preview-taken-away = Taken away
access-preview-no-permission-before-and-none = No permission before, and none after.
access-preview-other-policies-aside = Access policies of groups, and roles, aside. Policy modules and network rules still have their say.
access-preview-nothing-is-gained = Nothing: all of it is held there already.
access-preview-what-is-gained = What is gained
access-preview-at-scope = at { $scope }
access-preview-at-scope-until = at { $scope }, until { $end }
access-preview-denials-of-a-group = Denials are counted for one principal, not for a group.
access-preview-denials-hidden = Their denials are told to those who may read the log (Strongroom Auditor).
access-preview-denials-not-read = Their denials could not be read just now.
access-preview-denials = Denied to them in the last 24 hours of what they would gain: { $count }.
access-preview-at-least-denials = Denied to them in the last 24 hours of what they would gain: at least { $count }. The newest { $most } denials were looked through.
access-preview-roles-are-not-asked = This vault does not ask roles for its contents, so what the role permits there sleeps.
