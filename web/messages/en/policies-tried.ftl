### server/http/src/dashboard/policies/tried.rs

policies-tried-replays = Replays
policies-tried-hidden = Hidden: seeing this needs the right to read audit records.
policies-tried-not-read = What replays found could not be read.
policies-tried-none = No replay that is kept tried this module.
policies-tried-ask-again-in = Ask again: { $place }
policies-tried-done-of-groups = { $done } of { $groups } reviewed
policies-tried-would-be-denied = would be denied
policies-tried-would-be-allowed = would be allowed
