### server/http/src/dashboard/activity.rs

activity-activity = Activity
activity-hidden = Hidden: what was done with it, and how often each version was read, takes the role Strongroom Auditor on the installation.
activity-could-not-be-read = What was done with it could not be read just now.
activity-nothing = Nothing was done with it that is on record.
activity-the-last = the last, without looks at this page
activity-open-in-audit = Open in Audit
