### server/http/src/dashboard/nearing.rs

nearing-more-end-within-days = More that end within 7 days: { $count }
nearing-more-are-late = More vaults where something is late: { $count }
nearing-within-the-hour = less than 1 h
nearing-hours = { $hours } h
nearing-days = { $days } d
nearing-name-ends-in = { $vault }/{ $name } ends in { $left }
nearing-failed = { $kind }, { $at }; making its next version failed { $count } times: { $reason }
nearing-nothing-renews-it = { $kind }, { $at }; nothing makes its next version before
nearing-open = Open
nearing-renewals-late = Renewals that are late in { $vault }: { $count }
nearing-rotations-late = Rotations that are late in { $vault }: { $count }
nearing-late-since = behind the date of their policy by more than a day
nearing-renew = Renew
nearing-rotate = Rotate
nearing-the-lanes-show-them = The lanes and the rotation by vault on this page show them.
