### server/http/src/dashboard/policies/fared.rs

policies-fared-not-known-yet = Not known yet
policies-fared-asked = asked { $count } times
policies-fared-asked-since = asked { $count } times, seen since { $since }
policies-fared-micros = { $micros } µs
policies-fared-millis = { $whole }.{ $part } ms
policies-fared-seconds = { $whole }.{ $part } s
policies-fared-not-asked = Not asked
policies-fared-none = None
policies-fared-of-asked = of { $asked } asked
policies-fared-over-budget = Over budget
policies-fared-trap = Trap
policies-fared-cannot-be-asked = Cannot be asked
policies-fared-fails-closed = fails closed: { $failed } denied without an answer
policies-fared-times = { $failed } times
policies-fared-answers = Answers
policies-fared-ships = Ships
policies-fared-signed = Signed
policies-fared-not-signed = Not signed
policies-fared-checked-when-loaded = checked against the listed keys when it is loaded
policies-fared-no-keys-listed = no keys are listed, so it is not checked
policies-fared-does-not-run = keys are listed, so it does not run here
policies-fared-p99 = p99
policies-fared-denials = Denials
policies-fared-newest-failure = Newest failure
policies-fared-last-24-hours = Last 24 hours
policies-fared-seen-by-this-node = Seen by this node since it started.
