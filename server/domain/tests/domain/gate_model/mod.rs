//! The gate against a reference that fits on a page, against rows that somebody edited, and against
//! changes that a permit was not given for.

mod against_the_reference;
mod bound;
mod certificates;
mod edited_rows;
