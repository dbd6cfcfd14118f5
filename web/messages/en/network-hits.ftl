### server/http/src/dashboard/network_hits.rs

network-hits-last-last = last { $last }
network-hits-none-of-the-newest-most = None of the newest { $most_words }
network-hits-unused = Unused
network-hits-once = once
network-hits-default-times = { $default } times
network-hits-only-the-newest-most-words = {" "}Only the newest { $most_words } records and the newest { $most_words } denials were looked through.
network-hits-the-default-decided-times-counted = The default decided { $times }. Counted are the requests of the last 24 hours since the rules were changed.{ $cut }
