//! Turning a page into text. It must never leave a copy of a revealed value behind.

use std::fmt;

use askama::Template;
use zeroize::Zeroizing;

/// A page could not be rendered. Says which page, never what was on it.
#[derive(Debug, thiserror::Error)]
#[error("the page {page} could not be rendered")]
pub struct RenderError {
    /// The page's name.
    pub page: &'static str,
    /// What askama met.
    #[source]
    pub source: askama::Error,
}

/// Renders a page without secrets.
pub(crate) fn to_string(page: &'static str, template: &impl Template) -> Result<String, RenderError> {
    template.render().map_err(|source| RenderError { page, source })
}

/// Renders a page that may hold a revealed value. The first pass only counts, so that the text is
/// written once into a buffer that never grows: a growing one would leave copies in freed memory.
pub(crate) fn to_zeroizing(page: &'static str, template: &impl Template) -> Result<Zeroizing<String>, RenderError> {
    let fail = |source| RenderError { page, source };
    let mut count = Count(0);
    template.render_into(&mut count).map_err(fail)?;
    let mut text = Zeroizing::new(String::with_capacity(count.0));
    template.render_into(&mut *text).map_err(fail)?;
    debug_assert_eq!(text.len(), count.0, "both passes write the same text");
    Ok(text)
}

struct Count(usize);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
