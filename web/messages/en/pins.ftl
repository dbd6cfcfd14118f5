### server/http/src/dashboard/pins.rs

pins-unpin = Unpin
pins-pin = Pin
pins-a-vault-is-pinned-or = A vault is pinned or it is not.
pins-there-is-no-vault-of = There is no vault of this name that you may list.
pins-at-most-max-vaults-are = At most { $max } vaults are pinned: unpin one first.
