### server/http/src/dashboard/access/try_token.rs

access-try-token-test-a-token = Test a token
access-try-token-token = Token
access-try-token-as-the-platform-gives-it = As the platform gives it to the job, in one line: three parts with dots between.
access-try-token-test-it = Test it
access-try-token-it-is-used-for-nothing = It is judged as at the token endpoint and used for nothing: not exchanged, not kept, not sent back.
access-try-token-passed = Passed
access-try-token-failed = Failed
access-try-token-not-reached = Not reached
access-try-token-not-verified = not verified
access-try-token-nothing = Nothing
access-try-token-the-token-would-be-exchanged = The token would be exchanged
access-try-token-no-token-for-it = The token would be refused: { $reason }
access-try-token-it-could-not-be-read = Nothing of it could be looked at.
access-try-token-same = As in the token
access-try-token-other = Another
access-try-token-subject-fits = { $subject } fits
access-try-token-none-fits = none fits
access-try-token-the-workload-has-no-federation = The workload has no federation: no foreign token stands for it.
access-try-token-which-federation-it-is-for = Which federation it is for
access-try-token-as-the-token-says = As the token says, verified or not; the checks above say whether it counts.
