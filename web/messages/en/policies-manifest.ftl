### server/http/src/dashboard/policies/manifest.rs

policies-manifest-host = Host
policies-manifest-imports-asked-for = Imports asked for
policies-manifest-imports-granted = Imports granted
policies-manifest-exports = Exports
policies-manifest-none = None
policies-manifest-imports-nothing = A module imports nothing: it has no clock, no randomness, no files and no network. One that asks for an import is not loaded. What it may know stands in the request, with the facts below.
policies-manifest-what-it-wants-to-see = What it wants to see
policies-manifest-for-other-requests = for other requests it is not started
policies-manifest-about-the-connection = about the connection, with the network rules
policies-manifest-last = last, when everything else has let the request through
policies-manifest-asked = Asked
policies-manifest-actions = Actions
policies-manifest-objects = Objects
policies-manifest-facts = Facts
policies-manifest-no-facts = none beyond the request itself
policies-manifest-limits = Limits of one run
policies-manifest-over-a-limit = What goes over one of them gives no usable answer, and is denied where it is enforced. Fuel is about one for each instruction; further messages are dropped.
policies-manifest-signature = Signature
policies-manifest-kib = { $count } KiB
policies-manifest-fuel = Fuel
policies-manifest-memory = Memory
policies-manifest-stack = Stack
policies-manifest-clock = By the clock
policies-manifest-messages = Messages
policies-manifest-obligations = Obligations
