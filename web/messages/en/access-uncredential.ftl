### server/http/src/dashboard/access/uncredential.rs

access-uncredential-client-secret = Client secret
access-uncredential-certificate = Certificate
access-uncredential-federation = Federation
access-uncredential-remove-for-good = Remove for good
access-uncredential-workload = Workload
access-uncredential-ends = Ends
access-uncredential-no-end = No end
access-uncredential-last-used = Last used
access-uncredential-what-proves-itself-by-it = What proves itself by it gets no token from the next request on, and tokens that it got count for nothing any more. It cannot be put back: another one has to be made and given out.
access-uncredential-it-is-the-only-one = It is the only one: without another, the app gets no token at all.
access-uncredential-left = Credentials that are left to the workload: { $left }.
access-uncredential-remove-name = Remove { $name }?
access-uncredential-credential = Credential
access-uncredential-what-stops = What stops
access-uncredential-confirm = Confirm
access-uncredential-told-to-who-may-read = Told to those who may read the log (Strongroom Auditor)
access-uncredential-could-not-be-looked-up = It could not be looked up just now
access-uncredential-not-among = Not among the newest { $count } tokens that the workload got
access-uncredential-never = Never, as far as the log goes
