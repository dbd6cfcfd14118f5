### web/src/panels/form.rs

panel-form-form = Form
