### server/http/src/dashboard/untold.rs

untold-to-see-what-would-come-of-it = To see what would come of it now
untold-it-is-not-told = It is not told to you.
untold-why = Why
untold-it-is-not-told-because = It is not told: { $why }.
