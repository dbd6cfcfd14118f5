### server/http/src/dashboard/doors.rs

doors-needs-an-access-policy = needs an access policy
doors-needs-role = needs { $role }
doors-what-this-page-is-for = What this page is for
