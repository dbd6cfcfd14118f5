### server/http/src/dashboard/access/sessions.rs

access-sessions-end-sessions = End sessions
access-sessions-issuer = Issuer
access-sessions-as-it-stands-in-records = Letter for letter as it stands in records.
access-sessions-subject = Subject
access-sessions-end-all-their-sessions = End all their sessions, now
access-sessions-they-count-for-nothing-from = They count for nothing from the next request on, on every node, those of the command line too. Tokens that were handed out before end by themselves.
access-sessions-whose = Whose
access-sessions-end-the-sessions-of-somebody = End the sessions of somebody
access-sessions-ended = Ended
access-sessions-whoever-their-provider-still-lets = Whoever their provider still lets in can sign in again: lock them out there first.
access-sessions-there-are-more-send-it = There are more sessions than are ended at once: send it again.
access-sessions-what-was-done = What was done
access-sessions-nobody-of-this-issuer = Nobody of this issuer and subject was signed in
access-sessions-one-session-was-ended = One session was ended
access-sessions-ended-sessions-were-ended = { $ended } sessions were ended
