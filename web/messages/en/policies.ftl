### server/http/src/dashboard/policies/mod.rs

policies-all-vaults = All vaults
policies-all-vaults-2 = all vaults
policies-the-vault-vault = the vault { $vault }
policies-attached-module-digest = Module { $digest }
policies-off = Off
policies-shadow = Shadow
policies-enforced = Enforced
