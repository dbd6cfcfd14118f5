### server/http/src/dashboard/access/own.rs

access-own-your-roles = Your roles
access-own-your-roles-could-not-be = Your roles could not be looked up just now.
access-own-you-hold-no-role-here = You hold no role here.
access-own-an-access-policy-of-a = An access policy of a vault counts for you, too.
access-own-access-policies-of-vaults-count = Access policies of vaults count for you, too.
access-own-not-all-that-you-hold = Not all that you hold is shown.
access-own-drop = Drop
access-own-by-the-group-group = by the group { $group }
access-own-what-its-custom-definition-permits = What its custom definition permits.
access-own-role = Role
access-own-what-it-permits = What it permits
access-own-where = Where
access-own-until = Until
access-own-given = Given
access-own-identity = Identity
access-own-you-lose = You lose
access-own-you-can-do-nothing-here = You can do nothing here afterwards, until somebody gives you a role again.
access-own-no-role = No role.
access-own-what-is-left-to-you = What is left to you
access-own-you-are-the-last-owner = You are the last Owner of the installation without an end, so it cannot be dropped: make somebody else Owner, without an end, first.
access-own-drop-from-the-next-request = Drop, from the next request on
access-own-confirm = Confirm
access-own-who-may-assign-the-role = Who may assign the role can give it to you again; you cannot take it back yourself.
access-own-drop-role = Drop role
access-own-drop-role-at-scope = Drop { $role } at { $scope }?
