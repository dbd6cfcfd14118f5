//! Commands on the server's own machine for what nobody can change through the server any more. They hold the root
//! key, which is their proof, and what they do is on record and covered by a checkpoint like everything else.
//!
//! An embedded database is free only while its server is stopped. On PostgreSQL they take the place of the node whose
//! configuration they are given; the others go on.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_crypto::{AuditSigner, SystemEntropy};
use strongroom_domain::{
    context::RequestContext,
    keyring::Keyring,
    names::InstallationId,
    record::{Recorder, spawn},
    time::Clock,
};
use strongroom_store::Store;
use tokio::task::JoinHandle;

use super::seal::Place;
use crate::{
    cli::Output,
    clock::SystemClock,
    covering::cover_once,
    installation::{self, Opening},
    serve::system_request,
};

/// An opened installation, and the request of a command on it.
pub(super) struct Recovery<'a> {
    pub(super) ctx: RequestContext,
    pub(super) keyring: Keyring,
    pub(super) store: Arc<Store>,
    pub(super) recorder: Recorder,
    place: &'a Place,
    clock: Arc<dyn Clock>,
    auditor: AuditSigner,
    installation: InstallationId,
    committer: JoinHandle<()>,
}

impl<'a> Recovery<'a> {
    /// Opens what is there, and makes nothing. `job` is the principal on record.
    pub(super) async fn begin(place: &'a Place, job: &str) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let source = place.source()?;
        let opening = Opening {
            data: &place.data,
            database: place.database.as_deref(),
            source: &source,
            node: &place.node,
            development: None,
            alone: false,
        };
        let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await?;
        let store = Arc::new(opened.store);
        let (committer, task) = spawn(store.clone());
        Ok(Self {
            ctx: system_request(&*clock, job)?,
            keyring: opened.keyring,
            store,
            recorder: Recorder::new(committer, Arc::clone(&clock)),
            place,
            clock,
            auditor: opened.auditor,
            installation: opened.installation.id,
            committer: task,
        })
    }

    /// Says what was done, as an object and in lines, and under which record it is found, and covers it.
    pub(super) async fn end<E>(
        self,
        done: Result<(), E>,
        output: Output,
        mut object: Value,
        said: &[String],
    ) -> anyhow::Result<()>
    where
        anyhow::Error: From<E>,
    {
        drop(self.recorder);
        self.committer.await?;
        done?;
        match output {
            Output::Json => {
                if let Some(members) = object.as_object_mut() {
                    members.insert("record".to_owned(), json!(self.ctx.request_id));
                }
                println!("{}", crate::plain::json(&object));
            }
            Output::Table => {
                said.iter().for_each(|line| println!("{line}"));
                println!("recorded as {}", self.ctx.request_id);
            }
        }
        cover_once(&self.store, self.auditor, self.installation, &self.place.data, &*self.clock).await
    }
}
