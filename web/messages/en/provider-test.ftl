### server/http/src/dashboard/provider_test.rs

provider-test-redirect-address = Redirect address
provider-test-back-channel-logout = Back-channel logout
provider-test-after-logout = After logout
provider-test-it-was-asked-just-now = It was asked just now, and nothing of the answer is kept. To try a whole sign-in, sign in there: that replaces the session of this browser.
provider-test-settings = Settings
provider-test-sign-in-there = Sign in there
provider-test-what-it-answers = What it answers
provider-test-to-register-there = To be registered there
provider-test-keys-of-this-installation = Keys of this installation
provider-test-name-answers-as-it-should = { $name } answers as it should
provider-test-name-does-not-answer-as = { $name } does not answer as it should
provider-test-no = No
provider-test-asked-at = Asked at
provider-test-the-document-does-not-name = The document does not name it.
provider-test-discovery = Discovery
provider-test-of-this-issuer = Of this issuer
provider-test-people-are-sent-to = People are sent to
provider-test-codes-are-redeemed-at = Codes are redeemed at
provider-test-keys-are-at = Keys are at
provider-test-not-offered = Not offered
provider-test-sessions-end-at = Sessions end at
provider-test-keys = Keys
provider-test-count-can-be-verified-with = { $count } that can be verified with
provider-test-clock = Clock
provider-test-not-told = Not told
provider-test-seconds-from-this-one = { $seconds } s from this server’s
