//! Probes: `/healthz` says that the process answers, `/readyz` that it can serve, can audit and reaches its root
//! key and the hardware token of keys; how the audit log's witness stands, if it has one, and whether something that is
//! stored is not what was written there, and whether the certificate of the vault that it is in could not be taken.
//! Without a witness's answer requests go on all the same, and so they do beside a damaged row.

use crate::{
    message::Response,
    routes::Endpoint,
    services::{Services, WitnessStanding},
};

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'static str>,
}

impl Health {
    fn of(status: &'static str) -> Self {
        Self { status, witness: None, stored: None, certificate: None }
    }
}

pub(crate) fn answer(services: &Services, endpoint: Endpoint) -> Response {
    let health = services.recorder.health();
    if endpoint == Endpoint::Ready && health.is_failing() {
        let status = match health.is_uncovered() {
            true => "the audit log cannot be covered by a checkpoint",
            false => "the audit log cannot be written",
        };
        return Response::json(503, &Health::of(status));
    }
    if endpoint == Endpoint::Ready && !services.keyring.root_key_is_reachable() {
        let status = match services.keyring.root_key_refuses_pin() {
            true => "the token of the root key refuses the PIN",
            false => "the token of the root key does not answer",
        };
        return Response::json(503, &Health::of(status));
    }
    if endpoint == Endpoint::Ready && !services.keys.token_is_reachable() {
        let status = match services.keys.token_refuses_pin() {
            true => "the token of keys refuses the PIN",
            false => "the token of keys does not answer",
        };
        return Response::json(503, &Health::of(status));
    }
    if endpoint != Endpoint::Ready {
        return Response::json(200, &Health::of("ok"));
    }
    let chain = (services.chain)();
    let witness = chain.witness.map(|standing| match standing {
        WitnessStanding::Told => "told",
        WitnessStanding::Behind(_) => "behind",
        WitnessStanding::Contradicts(_) => "contradicts",
    });
    let stored = chain.stored.filter(|stored| stored.verdict.is_err()).map(|_| "damaged");
    let certificate = services.certificate.is_kept().then_some("kept");
    Response::json(200, &Health { status: "ok", witness, stored, certificate })
}
