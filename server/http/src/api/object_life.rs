//! The steps of life that all kinds of objects have, on the wire: list, delete, back up, restore, recover, purge.

/// Gives a kind's module its handlers of lists. The module has `listed`, which shows a page of objects.
macro_rules! object_lists {
    ($cases:ident, $collection:literal, $deleted:literal) => {
        #[doc = concat!("GET /", $collection, " and GET /", $deleted)]
        pub(crate) async fn list(
            services: &Services,
            call: &Call,
            vault: &VaultName,
            request: &Request,
            deleted: bool,
        ) -> Result<Response, Problem> {
            let limit = wire::max_results(request)?;
            let path = if deleted { concat!("/", $deleted) } else { concat!("/", $collection) };
            let pages = wire::Pages::of(services, vault, path, request);
            let after = pages.after(|text| strongroom_domain::names::ObjectName::parse(text).ok())?;
            let page = services.$cases.list(&call.ctx, vault, deleted, after.as_ref(), limit).await?;
            listed(services, vault, &pages, IdForm::Unversioned, &page)
        }

        #[doc = concat!("GET /", $collection, "/{name}/versions")]
        pub(crate) async fn versions(
            services: &Services,
            call: &Call,
            vault: &VaultName,
            request: &Request,
        ) -> Result<Response, Problem> {
            let name = name(call)?;
            let limit = wire::max_results(request)?;
            let pages =
                wire::Pages::of(services, vault, format!(concat!("/", $collection, "/{}/versions"), name), request);
            let after = pages.after(|text| strongroom_domain::names::ObjectVersion::parse(text).ok())?;
            let page = services.$cases.versions(&call.ctx, vault, &name, after.as_ref(), limit).await?;
            listed(services, vault, &pages, IdForm::Versioned, &page)
        }
    };
}
pub(crate) use object_lists;

/// Gives a kind's module its handlers of the other steps. The module has `described`, which shows one object.
macro_rules! object_life {
    ($cases:ident, $collection:literal, $deleted:literal) => {
        #[doc = concat!("DELETE /", $collection, "/{name}")]
        pub(crate) async fn delete(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
            described(services, call, vault, &services.$cases.delete(&call.ctx, vault, &name(call)?).await?).await
        }

        #[doc = concat!("POST /", $collection, "/{name}/backup")]
        pub(crate) async fn backup(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
            let name = name(call)?;
            let place = services.long_answers.enter(&call.ctx.principal.id).await?;
            let blob = services.$cases.backup(&call.ctx, vault, &name).await?;
            Ok(Response::json(200, &wire::BackupBlob::of(&blob)).in_place(place))
        }

        #[doc = concat!("POST /", $collection, "/restore")]
        pub(crate) async fn restore(
            services: &Services,
            call: &Call,
            vault: &VaultName,
            request: Request,
        ) -> Result<Response, Problem> {
            let blob = wire::body::<wire::BackupBlob>(&request)?.bytes();
            drop(request);
            described(services, call, vault, &services.$cases.restore(&call.ctx, vault, &blob).await?).await
        }

        #[doc = concat!("GET /", $deleted, "/{name}")]
        pub(crate) async fn get_deleted(
            services: &Services,
            call: &Call,
            vault: &VaultName,
        ) -> Result<Response, Problem> {
            described(services, call, vault, &services.$cases.get_deleted(&call.ctx, vault, &name(call)?).await?).await
        }

        #[doc = concat!("POST /", $deleted, "/{name}/recover")]
        pub(crate) async fn recover(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
            described(services, call, vault, &services.$cases.recover(&call.ctx, vault, &name(call)?).await?).await
        }

        #[doc = concat!("DELETE /", $deleted, "/{name}")]
        pub(crate) async fn purge(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
            services.$cases.purge(&call.ctx, vault, &name(call)?).await?;
            Ok(Response::empty(204))
        }
    };
}
pub(crate) use object_life;
