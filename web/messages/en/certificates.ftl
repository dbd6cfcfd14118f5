### server/http/src/dashboard/certificates/mod.rs

certificates-waits-for-its-authority = Waits for its authority
certificates-called-off = Called off
certificates-failed = Failed
certificates-never-issued = Never issued
certificates-revoked = Revoked
certificates-perhaps-revoked = Perhaps revoked
