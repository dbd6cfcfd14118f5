### web/templates/form.html

html-form-why = Why
html-form-name-of-tag = Name
html-form-name = name
html-form-value-of-tag = Value
html-form-value = value
html-form-optional = optional
html-form-cancel = Cancel
