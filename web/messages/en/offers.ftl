### server/http/src/dashboard/offers.rs

offers-labels-verb-the-role-role = { $labels } { $verb } the role { $role } { $scope }.
offers-labels-verb-an-access-policy = { $labels } { $verb } an access policy of the vault with that permission.
offers-labels-not-open-to-you = { $labels }: not open to you now ({ $code }).
offers-first-and-last = { $first } and { $last }
