//! What the log is told of a request by itself: enough to find its record, and nothing of what was asked.

use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::{Story, VALUE};

/// Keeps every field of every span.
#[derive(Clone, Default)]
struct Spans {
    next: Arc<AtomicU64>,
    fields: Arc<Mutex<Vec<(String, String)>>>,
}

impl Visit for Spans {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.lock().unwrap().push((field.name().to_owned(), format!("{value:?}")));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1 + self.next.fetch_add(1, Ordering::SeqCst))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_is_logged_of_a_request_carries_its_id_and_its_operation_alone() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let cookie = story.sign_in("ada").await;
    let spans = Spans::default();
    let watching = tracing::subscriber::set_default(spans.clone());
    let page = story.get("/vaults/demo/secrets/db-password?x=query-text", &cookie).await;
    drop(watching);
    assert_eq!(page.status, 200);
    let id = page.header("x-ms-request-id").unwrap();
    let fields = spans.fields.lock().unwrap().clone();
    assert_eq!(fields, [("id".to_owned(), id.to_owned()), ("operation".to_owned(), "\"SecretShow\"".to_owned())]);
}
