//! Keeps the handlers of many routes off the stack of the thread that chooses between them.

use std::pin::Pin;

/// A handler's work, made in a frame of its own: all of them together would not fit on a thread's stack.
pub(crate) fn boxed<'a, T, F>(begin: impl FnOnce() -> F) -> Pin<Box<dyn Future<Output = T> + Send + 'a>>
where
    F: Future<Output = T> + Send + 'a,
{
    Box::pin(begin())
}
