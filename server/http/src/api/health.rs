//! Probes: `/healthz` says that the process answers, `/readyz` that it can serve and can audit.

use crate::{message::Response, routes::Endpoint, services::Services};

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

pub(crate) fn answer(services: &Services, endpoint: Endpoint) -> Response {
    if endpoint == Endpoint::Ready && services.recorder.health().is_failing() {
        return Response::json(503, &Health { status: "the audit log cannot be written" });
    }
    Response::json(200, &Health { status: "ok" })
}
