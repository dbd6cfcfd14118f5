### server/http/src/dashboard/why/elsewhere.rs

why-elsewhere-open-in-audit = Open in Audit
why-elsewhere-same-denial-elsewhere = Same denial elsewhere
why-elsewhere-could-not-be-read = Who else was denied for this reason could not be read just now.
why-elsewhere-nobody-in-the-last-day = Nobody was denied for this reason in the last day.
why-elsewhere-last-day = last 24 h
why-elsewhere-and-more = And { $count } more.
why-elsewhere-not-all-were-counted = Not all records of that time were counted.
