### server/http/src/dashboard/form.rs

form-label-is-a-whole-number = { $label } is a whole number.
form-label-is-a-date-and = { $label } is a date and a time in UTC, for example 2027-01-31 12:00.
form-the-value-value-has-no = The value “{ $value }” has no name beside it.
form-the-name-name-is-given = The name “{ $name }” is given twice.
form-a-form-is-sent-as = A form is sent as application/x-www-form-urlencoded.
form-the-form-could-not-be = The form could not be read.
