### web/templates/document.html

html-document-skip-to-content = Skip to content
