### server/http/src/dashboard/sign_in.rs

sign-in-the-sign-in-provider-does = The sign-in provider does not answer. Try again in a moment.
sign-in-the-provider-did-not-let = The provider did not let this sign-in through, or it knows no account for you here.
sign-in-this-way-to-sign-in = This way to sign in is not offered any more. Start again.
sign-in-this-answer-does-not-belong = This answer does not belong to a sign-in that was started here in the last ten minutes. Start again.
