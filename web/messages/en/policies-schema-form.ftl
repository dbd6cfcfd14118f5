### server/http/src/dashboard/policies/schema_form.rs

policies-schema-form-schema-at = schema at /
policies-schema-form-not-said = Not said
policies-schema-form-one-a-line-none-is = One a line. None is an answer too.
policies-schema-form-one-a-line = One a line.
policies-schema-form-as-json = As JSON.
policies-schema-form-a-whole-number = A whole number.
policies-schema-form-name-is-one-of-those = { $name } is one of those that can be chosen.
policies-schema-form-name-is-a-whole-number = { $name } is a whole number.
policies-schema-form-name-is-a-number = { $name } is a number.
policies-schema-form-name-line-line-column-column = { $name }: line { $line }, column { $column }: this is no JSON.
