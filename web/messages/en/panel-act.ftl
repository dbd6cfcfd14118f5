### web/src/panels/act.rs

panel-act-link = Link
panel-act-post = Post
