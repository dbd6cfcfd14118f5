### server/http/src/dashboard/policies/denials.rs

policies-denials-since-since = {" "}since { $since }
policies-denials-seen-by-the-node-that = seen by the node that answers, of this module and these settings{ $since }
policies-denials-in-shadow = In shadow
policies-denials-would-have-been-denied = would have been denied
policies-denials-would-have-been-denied-for = would have been denied for want of a usable answer
policies-denials-it-had-nothing-against = it had nothing against
policies-denials-it-had-no-opinion-on = it had no opinion on
policies-denials-were-not-asked-within-the = were not asked within the 5 ms that all modules in shadow have together
policies-denials-no-request-was-seen-yet = No request was seen yet.
policies-denials-of-the-requests-seen-words = Of the requests seen: { $words }.
policies-denials-denied-in-the-last-day = Denied in the last day
policies-denials-hidden-seeing-this-needs-the = Hidden: seeing this needs the role Strongroom Auditor on the installation.
policies-denials-the-records-could-not-be = The records could not be read just now.
policies-denials-only-the-last-looked-through = {" "}Only the last { $looked_through } denials were looked through.
policies-denials-it-denied-nothing-looked = It denied nothing.{ $looked }
policies-denials-one-request = One request.
policies-denials-denied-requests = { $denied } requests.
