### server/http/src/dashboard/offers.rs

offers-label-needs-the-role = { $label } needs the role { $role } { $scope }.
offers-labels-need-the-role = { $labels } need the role { $role } { $scope }.
offers-label-needs-an-access-policy = { $label } needs an access policy of the vault with that permission.
offers-labels-need-an-access-policy = { $labels } need an access policy of the vault with that permission.
offers-labels-not-open-to-you = { $labels }: not open to you now ({ $code }).
offers-first-and-last = { $first } and { $last }
