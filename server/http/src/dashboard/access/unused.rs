//! GET and POST /access/grants/unused: what nobody used for 90 days is taken away, a page at a time. Before that the page
//! says who would be left with what. Each is judged and recorded by itself, as if it were taken away alone; what was used
//! meanwhile, or changed, stays.

use std::collections::{BTreeSet, HashMap};

use strongroom_crypto::sha256;
use strongroom_domain::{
    action::Action,
    admin::{Gone, GrantShown, GrantState, GrantedBy, GrantsPage, GrantsWanted, MAX_GRANTS_SHOWN, WorkloadLabels},
    gate::Ask,
    principal::{Grantee, PrincipalId},
};
use strongroom_web::{Act, Body, Cell, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, say};

use super::{
    grants::{Asked, by, hidden, last_used, names},
    own_issuer, whom,
};
use crate::{
    api::manage::access::grants,
    dashboard::{
        Failure, bulk,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        snippets::{self, Commands, quoted},
        sort,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Grants that one form takes away.
const PAGE: usize = 25;
/// What the names of fields begin with that stand for grants.
const FIELD: &str = "grant-";
/// Characters of a digest that tell an access policy from others.
const DIGEST: usize = 32;

/// What is unused, of the grants that somebody looks at.
fn asked(scope: Option<String>, who: Option<String>, role: Option<String>) -> Result<Asked, Problem> {
    let wanted = GrantsWanted { above: false, who, role, state: Some(GrantState::Unused) };
    Asked::at(scope, wanted)
}

/// # Errors
/// 400 for what no link asks for, the gate's denial, or why the grants cannot be read.
pub(crate) async fn ask(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let given = |name| request.query(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (asked, after) = (asked(given("scope"), given("who"), given("role"))?, given("after"));
    let page = read(viewer, &asked, after.as_deref()).await?;
    let place = Place::Access.below(say!("access-unused-remove-unused"));
    let mut offers = Offers::new(viewer, &place);
    let mut removable = Vec::new();
    for grant in &page.items {
        if may_remove(&mut offers, &asked, grant).await {
            removable.push(grant);
        }
    }
    let (acts, cannot) = offers.told();
    let labels = names(viewer, &page.items).await;
    let mut main =
        vec![Panel::new(say!("access-unused-before-and-after"), before_and_after(viewer, &asked, &page).await)];
    if !removable.is_empty() {
        let form = form(viewer, &asked, after.as_deref(), (removable.as_slice(), &labels));
        main.push(Panel::new(say!("access-unused-confirm"), Body::Form(form)));
    }
    let next = page.next.as_deref().map(|next| {
        Act::link(say!("access-unused-next-page"), asked.address(links::UNUSED_GRANTS, Some(next)), Icon::Down)
    });
    let page = PanelsPage {
        lead: Some(say!("access-unused-what-no-request-rested-on").to_owned()),
        acts: acts.into_iter().chain(next).collect(),
        cannot,
        notices: hidden(&page),
        main,
        aside: vec![snippets::panel(commands(viewer, &asked, &removable))],
        ..PanelsPage::new(viewer.shell(&place).await, say!("access-unused-remove-unused"))
    };
    Ok(rendered(200, page.render()))
}

async fn read(viewer: &Viewer<'_>, asked: &Asked, after: Option<&str>) -> Result<GrantsPage, Failure> {
    Ok(grants(viewer.services, &viewer.call.ctx, &asked.at, &asked.wanted, (after, PAGE)).await?)
}

/// Whether the viewer may take it away; what is missing for that is told.
async fn may_remove(offers: &mut Offers<'_>, asked: &Asked, grant: &GrantShown) -> bool {
    let what = say!("access-unused-remove");
    match &grant.by {
        // What was given in a vault that is gone went with it.
        GrantedBy::Role { .. } if grant.gone == Some(Gone::Vault) => false,
        GrantedBy::Role { .. } => offers.open(&asked.ask(Action::AssignmentRemove), what).await,
        GrantedBy::Policy { vault, .. } => offers.open(&Ask::vault(Action::AccessPolicyWrite, vault), what).await,
    }
}

/// The grants of this page, with how many each grantee has here now and would have without these.
async fn before_and_after(viewer: &Viewer<'_>, asked: &Asked, page: &GrantsPage) -> Body {
    if page.items.is_empty() {
        return Body::Text(vec![say!("access-unused-nothing-here-is-unused").to_owned()]);
    }
    let all = GrantsWanted::default();
    let all = match viewer.further() {
        Ok(ctx) => grants(viewer.services, &ctx, &asked.at, &all, (None, MAX_GRANTS_SHOWN)).await.ok(),
        Err(_) => None,
    };
    // Half of them would tell somebody to have less than they have.
    let all = all.filter(|all| all.next.is_none());
    let had = all.map(|all| counts(&all.items));
    let lost = counts(&page.items);
    let labels = names(viewer, &page.items).await;
    let rows = page.items.iter().map(|grant| {
        let had = had.as_ref().map(|had| had.get(&grant.grantee).copied().unwrap_or_default());
        let left = had.map(|had| had.saturating_sub(lost.get(&grant.grantee).copied().unwrap_or_default()));
        let count = |count: Option<usize>| {
            count.map_or_else(
                || Cell::None(say!("access-unused-too-many-to-count").to_owned()),
                |count| Cell::text(count.to_string()),
            )
        };
        Row::new(vec![
            whom::cell(viewer, &grant.grantee, &labels),
            by(grant),
            Cell::Code(grant.scope.clone()),
            last_used(grant, &labels, own_issuer(viewer), false),
            count(had),
            count(left),
        ])
    });
    let table = Table::new(&["Who", "Access by", "Where", "Last used", "Before", "After"], rows.collect());
    Body::Table(sort::table(viewer, "unused", table))
}

fn counts(items: &[GrantShown]) -> HashMap<Grantee, usize> {
    let mut counts = HashMap::new();
    for grant in items {
        *counts.entry(grant.grantee.clone()).or_default() += 1;
    }
    counts
}

fn form(
    viewer: &Viewer<'_>,
    asked: &Asked,
    after: Option<&str>,
    (removable, labels): (&[&GrantShown], &WorkloadLabels),
) -> Form {
    let mut fields: Vec<Field> = Vec::new();
    for (name, value) in asked.query(after) {
        // What is unused is asked for by the form's place.
        fields.extend(value.filter(|_| name != "state").map(|value| Field::hidden(name, value)));
    }
    fields.extend(removable.iter().map(|grant| {
        let (what, who) = (what(grant), whom::words(&grant.grantee, labels));
        let label = say!("access-unused-what-of-who-at-scope", what = what, who = who, scope = grant.scope);
        Field::check(&key(grant), &label, true)
    }));
    Form {
        action: links::UNUSED_GRANTS.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("access-unused-remove-what-is-ticked").to_owned(),
        danger: true,
        cancel_href: Some(asked.address(links::GRANTS, None)),
        ..Form::default()
    }
}

fn what(grant: &GrantShown) -> String {
    match &grant.by {
        GrantedBy::Role { name, .. } => name.clone(),
        GrantedBy::Policy { .. } => say!("access-unused-access-policy").to_owned(),
    }
}

/// The field that stands for a grant. One that was changed meanwhile is another.
fn key(grant: &GrantShown) -> String {
    match &grant.by {
        GrantedBy::Role { assignment, .. } => format!("{FIELD}{assignment}"),
        GrantedBy::Policy { vault, .. } => {
            let text = format!("{vault}\n{}\n{}", grant.grantee.key(), grant.given_at);
            let digest = data_encoding::HEXLOWER.encode(&sha256(text.as_bytes()));
            format!("{FIELD}{}", digest.get(..DIGEST).unwrap_or_default())
        }
    }
}

/// A command for each.
fn commands(viewer: &Viewer<'_>, asked: &Asked, removable: &[&GrantShown]) -> Vec<Snippet> {
    let commands = Commands::of_installation(viewer.services);
    let mut told = asked.commands(&commands);
    let lines: Vec<String> =
        removable.iter().map(|grant| commands.server(&command(grant, own_issuer(viewer))).code).collect();
    if !lines.is_empty() {
        told.push(Snippet::new(say!("access-unused-take-them-away"), lines.join("\n")));
    }
    told
}

fn command(grant: &GrantShown, own_issuer: &str) -> String {
    let vault = match &grant.by {
        GrantedBy::Role { assignment, .. } => return format!("assignment remove {assignment}"),
        GrantedBy::Policy { vault, .. } => vault,
    };
    let whom = match &grant.grantee {
        Grantee::Principal { id } if id.workload_of(own_issuer).is_some() => format!("--workload {}", id.subject),
        Grantee::Principal { id: PrincipalId { issuer, subject } } => {
            format!("--principal {}", quoted(&format!("{issuer}#{subject}")))
        }
        Grantee::Group { issuer, group } => format!("--group {}", quoted(&format!("{issuer}#{group}"))),
    };
    format!("access-policy remove {vault} {whom}")
}

/// # Errors
/// 403 for a form that is not ours, 400 where nothing was ticked, the gate's denial, or why the grants cannot be read.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let ticked: BTreeSet<String> = sent.beginning(FIELD).into_keys().collect();
    if ticked.is_empty() {
        return Err(Problem::bad_parameter(say!("access-unused-nothing-was-ticked")).into());
    }
    let (asked, after) = (asked(sent.given("scope"), sent.given("who"), sent.given("role"))?, sent.given("after"));
    // As it is now: what was used since the page was shown is not unused any more.
    let page = read(viewer, &asked, after.as_deref()).await?;
    let labels = names(viewer, &page.items).await;
    let (mut rows, mut done) = (Vec::new(), 0_usize);
    for grant in page.items.iter().filter(|grant| ticked.contains(&key(grant))) {
        let came = take_away(viewer, &asked, grant).await;
        done += usize::from(came.is_ok());
        let [result, why] = bulk::came_of_it(say!("access-unused-removed"), came);
        rows.push(Row::new(vec![
            whom::cell(viewer, &grant.grantee, &labels),
            by(grant),
            Cell::Code(grant.scope.clone()),
            result,
            why,
        ]));
    }
    let kept = ticked.len().saturating_sub(rows.len());
    let place = Place::Access.below(say!("access-unused-remove-unused"));
    let page = PanelsPage {
        lead: Some(say!("access-unused-each-was-judged-and-recorded").to_owned()),
        acts: vec![Act::primary(
            say!("access-unused-back-to-what-is-unused"),
            asked.address(links::GRANTS, None),
            Icon::Undo,
        )],
        notices: if kept > 0 { vec![say!("access-unused-kept-are-not-unused", kept = kept)] } else { Vec::new() },
        main: vec![Panel::new(
            say!("access-unused-what-came-of-it"),
            Body::Table(Table::new(&["Who", "Access by", "Where", "Result", "Why"], rows)),
        )],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("access-unused-done-of-all-taken-away", done = done, all = ticked.len()),
        )
    };
    Ok(rendered(200, page.render()))
}

async fn take_away(viewer: &Viewer<'_>, asked: &Asked, grant: &GrantShown) -> Result<(), Failure> {
    let (admin, ctx) = (&viewer.services.admin, viewer.further()?);
    match &grant.by {
        GrantedBy::Role { assignment, .. } => {
            admin.remove_assignment(&ctx, *assignment, &asked.at).await?;
        }
        GrantedBy::Policy { vault, .. } => admin.remove_access_policy(&ctx, vault, &grant.grantee).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use strongroom_domain::{admin::LastUsed, names::VaultName, role::Role};
    use uuid::Uuid;

    use super::*;

    fn policy(subject: &str, given_at: i64) -> GrantShown {
        let id = PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() };
        GrantShown {
            grantee: Grantee::Principal { id },
            by: GrantedBy::Policy { vault: VaultName::parse("demo").unwrap(), permissions: Default::default() },
            scope: "/vaults/demo".to_owned(),
            given_at,
            ends_at: None,
            last_used: LastUsed::NotSince(given_at),
            states: BTreeSet::from([GrantState::Unused]),
            gone: None,
        }
    }

    #[test]
    fn a_grant_that_was_changed_is_not_the_one_that_was_ticked() {
        let all = [policy("ada", 1), policy("ada", 2), policy("bob", 1)];
        assert_eq!(all.iter().map(key).collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(key(&all[0]), key(&policy("ada", 1)));
    }

    #[test]
    fn each_has_a_command_of_its_own() {
        let own = "https://own";
        assert_eq!(command(&policy("ada", 1), own), "access-policy remove demo --principal 'https://idp#ada'");
        let workload = PrincipalId { issuer: own.to_owned(), subject: Uuid::nil().to_string() };
        let workload = GrantShown { grantee: Grantee::Principal { id: workload }, ..policy("x", 1) };
        assert_eq!(command(&workload, own), format!("access-policy remove demo --workload {}", Uuid::nil()));
        let role = GrantedBy::Role { assignment: Uuid::nil(), id: Role::Owner.into(), name: "Owner".to_owned() };
        let role = GrantShown { by: role, ..policy("ada", 1) };
        assert_eq!(command(&role, own), format!("assignment remove {}", Uuid::nil()));
    }
}
