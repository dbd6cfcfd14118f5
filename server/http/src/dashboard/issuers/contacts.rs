//! Who is told about the certificates of a vault, one a line, so that the list can be read, compared and pasted.

use strongroom_domain::{
    action::Action,
    contacts::{Contact, Contacts},
    gate::Ask,
    issuers::IssuerError,
    names::{ObjectKind, VaultName},
};
use strongroom_web::{Act, Body, Cell, Field, Form, Icon, Panel, PanelsPage, Row, Table, say};

use super::{View, tabs};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, AsOf, Refusal},
        secret_forms::vault,
        snippets::{self, Commands},
        sort,
    },
    message::{Request, Response},
};

/// GET /vaults/{vault}/contacts
///
/// # Errors
/// The gate's denial, or why they cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let (contacts, revision) = read(viewer, &vault).await?;
    Ok(page(viewer, &vault, &contacts, AsOf::of(revision), None).await)
}

/// Those that there are; none is no failure of the page.
async fn read(viewer: &Viewer<'_>, vault: &VaultName) -> Result<(Contacts, i64), Failure> {
    match viewer.services.issuers.contacts_at(&viewer.further()?, vault).await {
        Err(IssuerError::NoContacts) => Ok((Contacts::default(), 0)),
        other => Ok(other?),
    }
}

/// POST /vaults/{vault}/contacts: all of them.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn set(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let text = sent.secret("contacts");
    let contacts = Contacts { contacts: text.expose().lines().filter_map(contact).collect() };
    refusal::hold(viewer, &sent, Action::ContactsSet);
    match viewer.services.issuers.set_contacts(&viewer.call.ctx, &vault, &contacts).await {
        Ok(()) => Ok(redirect(links::contacts(&vault))),
        Err(error) => {
            let refusal = Refusal::of(error.into())?.keeping().at("contacts");
            let (contacts, revision) = read(viewer, &vault).await?;
            let as_of = if refusal.is_late() {
                AsOf::late(revision, vec![field(lines(&contacts.contacts))])
            } else {
                AsOf::of_sent(&sent)
            };
            Ok(page(viewer, &vault, &contacts, as_of, Some((&refusal, text.expose()))).await)
        }
    }
}

/// POST /vaults/{vault}/contacts/delete
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn delete(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    viewer.services.issuers.delete_contacts(&viewer.call.ctx, &vault).await?;
    Ok(redirect(links::contacts(&vault)))
}

/// `MAIL`, `MAIL, NAME` or `MAIL, NAME, PHONE`; none of an empty line.
fn contact(line: &str) -> Option<Contact> {
    let mut parts = Some(line.trim()).filter(|line| !line.is_empty())?.splitn(3, ',').map(str::trim);
    let email = parts.next().unwrap_or_default().to_owned();
    let mut given = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
    let (name, phone) = (given(), given());
    Some(Contact { email, name, phone })
}

/// The line of one.
fn line(contact: &Contact) -> String {
    let Contact { email, name, phone } = contact;
    match (name, phone) {
        (None, None) => email.clone(),
        (Some(name), None) => format!("{email}, {name}"),
        (name, Some(phone)) => format!("{email}, {}, {phone}", name.as_deref().unwrap_or_default()),
    }
}

fn lines(contacts: &[Contact]) -> String {
    contacts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn field(value: String) -> Field {
    Field::lines("contacts", say!("issuers-contacts-everybody-who-is-told"), value, 6)
}

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    contacts: &Contacts,
    as_of: AsOf,
    refused: Option<(&Refusal, &str)>,
) -> Response {
    let place = Place::Issuers(vault.clone()).below(say!("issuers-contacts-contacts"));
    let mut offers = Offers::new(viewer, &place);
    let ask = |action| Ask::objects(ObjectKind::Contacts, action, vault);
    let kept = &contacts.contacts;
    if !kept.is_empty() {
        let (token, action) = (viewer.form_token(), format!("{}/delete", links::contacts(vault)));
        offers
            .offer(
                &ask(Action::ContactsDelete),
                Act::post(say!("issuers-contacts-tell-nobody"), "", action, &token, Icon::Off),
            )
            .await;
    }
    let mut main = vec![Panel::new(say!("issuers-contacts-contacts"), listed(viewer, kept))];
    if offers.open(&ask(Action::ContactsSet), say!("issuers-contacts-changing-the-contacts")).await {
        let value = refused.map_or_else(|| lines(kept), |(_, sent)| sent.to_owned());
        let form = Form {
            action: links::contacts(vault),
            csrf_token: Some(viewer.form_token()),
            fields: vec![field(value).required().hint(say!("issuers-contacts-one-a-line-a-mail")), as_of.field()],
            submit: say!("issuers-contacts-save-contacts").to_owned(),
            ..Form::default()
        };
        main.push(Panel::new(
            say!("issuers-contacts-change"),
            Body::Form(refusal::form(viewer, form, refused.map(|(refusal, _)| refusal)).await),
        ));
        main.extend(as_of.panel());
    }
    let (acts, cannot) = offers.told();
    let commands = Commands::of_vault(viewer.services, vault);
    let headline = match kept.len() {
        0 => say!("issuers-contacts-nobody-is-told-about-the", vault = vault),
        1 => say!("issuers-contacts-one-contact-for-the-certificates", vault = vault),
        count => say!("issuers-contacts-count-contacts-for-the-certificates", count = count, vault = vault),
    };
    let page = PanelsPage {
        lead: Some(say!("issuers-contacts-no-mail-is-sent-from").to_owned()),
        acts,
        cannot,
        tabs: tabs(vault, View::Contacts),
        main,
        aside: vec![snippets::panel(vec![
            commands.vault("certificate contacts show"),
            commands.vault("certificate contacts set --email MAIL").labelled(say!("issuers-contacts-set-them")),
            commands.vault("certificate contacts delete").labelled(say!("issuers-contacts-tell-nobody")),
            commands.curl_vault("PUT", "/certificates/contacts", Some(r#"{"contacts":[{"email":"ops@app.example"}]}"#)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    refusal::answer(&page, refused.map(|(refusal, _)| refusal))
}

fn listed(viewer: &Viewer<'_>, contacts: &[Contact]) -> Body {
    if contacts.is_empty() {
        return Body::Text(vec![say!("issuers-contacts-there-are-none").to_owned()]);
    }
    let none_or = |text: &Option<String>| {
        text.clone().map_or_else(|| Cell::None(say!("issuers-contacts-none").to_owned()), Cell::text)
    };
    let row = |one: &Contact| Row::new(vec![Cell::text(&one.email), none_or(&one.name), none_or(&one.phone)]);
    let table = Table::new(&["Mail address", "Name", "Phone"], contacts.iter().map(row).collect());
    Body::Table(sort::table(viewer, "contacts", table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_read_as_it_is_written() {
        for text in ["a@b.example", "a@b.example, Ada", "a@b.example, Ada, 1", "a@b.example, , 1"] {
            assert_eq!(contact(text).map(|one| line(&one)).as_deref(), Some(text));
        }
        assert!([" ", ""].iter().all(|text| contact(text).is_none()));
        assert_eq!(contact(", Ada").map(|one| one.email).as_deref(), Some(""), "refused, and not left out");
    }
}
