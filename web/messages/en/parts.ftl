### web/src/parts.rs

parts-enabled = Enabled
parts-expiring = Expiring
parts-expired = Expired
parts-not-yet-valid = Not yet valid
parts-disabled = Disabled
parts-postform = PostForm
