### server/http/src/dashboard/policies/acts.rs

policies-acts-the-revision = The revision
policies-acts-there-is-no-such-state = There is no such state.
policies-acts-there-is-no-such-place = There is no such place in the order.
policies-acts-detach = Detach
policies-acts-from-the-next-request-on = From the next request on it is not asked any more. Its settings go with it; the module itself stays. To keep the settings, turn it off instead.
policies-acts-confirm = Confirm
policies-acts-detach-name-from-words = Detach { $name } from { $words }?
