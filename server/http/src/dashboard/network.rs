//! The network rules of a vault: what they are, what they say of an address, and a form that replaces
//! them. Written one rule a line, so that they can be read, compared and pasted.

use std::net::IpAddr;

use strongroom_domain::{
    action::Action,
    admin::NetworkHits,
    gate::Ask,
    names::VaultName,
    network::{NetworkAction, NetworkRule, NetworkRules},
    vault::{Vault, VaultUpdate},
};
use strongroom_web::{Body, Cell, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{
    Failure,
    form::{LONG, Sent},
    frame::{Place, Viewer},
    links, network_hits,
    offers::Offers,
    redirect,
    refusal::{self, Refusal},
    snippets::{self, Commands},
    vault_forms::force_field,
    view,
};
use crate::{
    api::manage::audit::moment,
    message::{Request, Response},
    problem::Problem,
};

/// GET /vaults/{vault}/network[?address=&listener=]
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let name = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let asked = |name| request.query(name).map(str::trim).filter(|text| !text.is_empty());
    let tested = asked("address").map(|address| Tested::of(viewer, address, asked("listener")));
    // A slip is on record as that: the vault is read beside it.
    let slip = tested.as_ref().is_some_and(|tested| tested.found.is_err());
    let beside = slip.then(|| viewer.further()).transpose()?;
    let vault = viewer.services.admin.show_vault(beside.as_ref().unwrap_or(&viewer.call.ctx), &name).await?;
    let page = page(viewer, &vault, Filled { tested: tested.as_ref(), ..Filled::default() }).await;
    Ok(match tested.map(|tested| tested.found) {
        Some(Err(problem)) => Response { status: problem.status, reason: problem.reason, ..page },
        _ => page,
    })
}

/// An address that is tested against rules.
struct Tested {
    address: String,
    listener: String,
    found: Result<IpAddr, Problem>,
}

impl Tested {
    fn of(viewer: &Viewer<'_>, address: &str, listener: Option<&str>) -> Self {
        let unread = |_| Problem::bad_parameter(say!("network-an-address-to-test-is"));
        Self {
            address: address.to_owned(),
            listener: listener.unwrap_or(&viewer.call.ctx.listener).to_owned(),
            found: address.parse().map(|address: IpAddr| address.to_canonical()).map_err(unread),
        }
    }

    /// What these rules say of it.
    fn told(&self, rules: &NetworkRules, now: i64) -> Option<String> {
        let address = *self.found.as_ref().ok()?;
        let verdict = rules.judge(address, &self.listener, now);
        let by = verdict.rule.map_or_else(
            || say!("network-the-default").to_owned(),
            |place| say!("network-rule-place", place = place + 1),
        );
        Some(say!(
            "network-address-over-listener-action-by",
            address = address,
            listener = self.listener,
            action = word_past(verdict.action),
            by = by
        ))
    }
}

/// What the page's forms are filled with.
#[derive(Default)]
struct Filled<'a> {
    /// Of the rules as they are.
    tested: Option<&'a Tested>,
    /// What the rules as they were typed say of an address.
    foreseen: Option<String>,
    sent: Option<&'a Sent>,
    refusal: Option<&'a Refusal>,
}

/// The rules of a form, as they were typed.
fn typed(sent: &Sent) -> Result<NetworkRules, Problem> {
    let default_action =
        action(sent.text("default")).ok_or_else(|| Problem::bad_parameter(say!("network-what-no-rule-fits-is")))?;
    Ok(NetworkRules { default_action, rules: read_rules(sent.text("rules"))? })
}

/// What the rules as they were typed would say of an address: nothing is written, and what was typed stays.
async fn foresee(viewer: &Viewer<'_>, name: &VaultName, sent: &Sent) -> Result<Response, Failure> {
    let told = || {
        let rules = typed(sent)?;
        let Tested { address, listener, found } =
            Tested::of(viewer, sent.text("address"), sent.given("listener").as_deref());
        let tested = Tested { address, listener, found: Ok(found?) };
        Ok::<_, Problem>(tested.told(&rules, viewer.call.ctx.now))
    };
    let (foreseen, refusal) = match told() {
        Ok(told) => (told, None),
        Err(problem) => (None, Some(Refusal::of(problem.into())?)),
    };
    let vault = viewer.services.admin.show_vault(&viewer.further()?, name).await?;
    let filled = Filled { foreseen, sent: Some(sent), refusal: refusal.as_ref(), tested: None };
    let page = page(viewer, &vault, filled).await;
    if refusal.is_none() {
        // The vault was read, and nothing was replaced.
        viewer.note(Action::VaultRead.operation(), name).await?;
    }
    Ok(page)
}

/// POST /vaults/{vault}/network
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let name = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    if sent.text("step") == "preview" {
        return foresee(viewer, &name, &sent).await;
    }
    let change = async {
        let update =
            VaultUpdate { network: Some(typed(&sent)?), force: sent.ticked("force"), ..VaultUpdate::default() };
        let revision = sent.number("revision", say!("network-the-revision"))?;
        viewer.services.admin.update_vault(&viewer.call.ctx, &name, Some(revision), &update).await?;
        Ok::<_, Failure>(links::in_vault(&name, "network", &[]))
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let vault = viewer.services.admin.show_vault(&viewer.further()?, &name).await?;
            let filled = Filled { sent: Some(&sent), refusal: Some(&refusal), ..Filled::default() };
            Ok(page(viewer, &vault, filled).await)
        }
    }
}

async fn page(viewer: &Viewer<'_>, vault: &Vault, filled: Filled<'_>) -> Response {
    let Filled { tested, foreseen, sent, refusal } = filled;
    let (name, rules) = (&vault.name, &vault.settings.network);
    let now = viewer.call.ctx.now;
    let (address, listener) = (viewer.call.ctx.client.to_canonical(), &*viewer.call.ctx.listener);
    let hits = if rules.rules.is_empty() { None } else { network_hits::of(viewer, name).await };
    let mut main = vec![listed(rules, hits.as_ref(), now), tester(viewer, rules, name, tested)];
    let stored = rules.rules.iter().map(write_rule).collect::<Vec<_>>().join("\n");
    let written = sent.map_or_else(|| stored.clone(), |sent| sent.text("rules").to_owned());
    let default = sent.map_or(word(rules.default_action), |sent| sent.text("default"));
    let mut fields = vec![
        Field::lines("rules", say!("network-rules-the-first-that-fits"), written, 8)
            .hint(say!("network-one-a-line-allow-or")),
        Field::choice(
            "default",
            say!("network-what-no-rule-fits-is-2"),
            &[("allow", say!("network-allowed")), ("deny", say!("network-denied"))],
            default,
        ),
        Field::line(
            "address",
            say!("network-an-address-to-try"),
            sent.map_or_else(|| address.to_string(), |sent| sent.text("address").to_owned()),
            64,
        ),
        Field::line("listener", say!("network-listener"), sent.map_or(listener, |sent| sent.text("listener")), 32),
        Field::hidden("revision", vault.revision.to_string()),
    ];
    fields.extend(force_field(refusal));
    let form = Form {
        action: links::in_vault(name, "network", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("network-replace-the-rules").to_owned(),
        preview: Some(say!("network-try-these-rules").to_owned()),
        cancel_href: Some(links::vault(name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let place = Place::Network(name.clone());
    let mut offers = Offers::new(viewer, &place);
    if offers.open(&Ask::vault(Action::VaultUpdate, name), say!("network-changing-the-rules")).await {
        // What was typed comes first, where it is what the answer is about.
        let typed_first = refusal.is_some() || foreseen.is_some();
        let panel = Panel::new(say!("network-change"), Body::Form(form));
        let panel = match foreseen {
            Some(told) => panel.foot(say!("network-these-rules-say", told = told)),
            None => panel,
        };
        main.insert(if typed_first { 0 } else { 2 }, panel);
        // As it is written in the box, so that both can be compared line by line.
        let lines = || {
            let default =
                say!("network-what-no-rule-fits-is-default", default_action = word_past(rules.default_action));
            Body::Snippets(vec![Snippet::new(&default, stored)])
        };
        if let Some(panel) = refusal::stored(refusal, lines) {
            main.insert(1, panel);
        }
    }
    if hits.is_none() && !rules.rules.is_empty() {
        offers.note(say!("network-hits-are-hidden-seeing-them"));
    }
    let (_, cannot) = offers.told();
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("network-you-come-from-address-over", address = address, listener = listener)),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("network list {name}")).labelled(say!("network-list-the-rules")),
            commands.server(&format!("network hits {name}")).labelled(say!("network-count-what-they-decided")),
            commands.server(&format!("network add {name} allow 10.0.0.0/8")).labelled(say!("network-add-a-rule")),
            commands.curl_server(
                "PATCH",
                &format!("/api/v1/vaults/{name}"),
                Some(r#"{"network":{"default_action":"deny","rules":[{"action":"allow","network":"10.0.0.0/8"}]}}"#),
            ),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, headline(name, rules))
    };
    refusal::answer(&page, refusal)
}

fn headline(name: &VaultName, rules: &NetworkRules) -> String {
    match (rules.rules.len(), rules.default_action) {
        (0, NetworkAction::Allow) => say!("network-name-is-reachable-from-everywhere", name = name),
        (0, NetworkAction::Deny) => say!("network-name-is-reachable-from-nowhere", name = name),
        (1, _) => say!("network-one-network-rule-for-name", name = name),
        (count, _) => say!("network-count-network-rules-for-name", count = count, name = name),
    }
}

fn listed(rules: &NetworkRules, hits: Option<&NetworkHits>, now: i64) -> Panel {
    let badge = |action| match action {
        NetworkAction::Allow => Cell::badge(Tone::Good, Icon::Check, say!("network-allow")),
        NetworkAction::Deny => Cell::badge(Tone::Bad, Icon::Ban, say!("network-deny")),
    };
    let row = |(index, rule): (usize, &NetworkRule)| {
        let over = rule.ends_at.is_some_and(|end| end <= now);
        let hidden_by = rules.hidden_by(index, now);
        let mut cells = vec![
            Cell::Text {
                text: (index + 1).to_string(),
                small: hidden_by.map(|before| say!("network-never-reached-rule-before-comes", before = before + 1)),
            },
            badge(rule.action),
            rule.network
                .map_or_else(|| Cell::None(say!("network-any").into()), |network| Cell::Code(network.to_string())),
            rule.listener.clone().map_or_else(|| Cell::None(say!("network-any").into()), Cell::text),
            match rule.ends_at {
                None => Cell::None(say!("network-never").into()),
                Some(end) if over => {
                    let moment = view::moment_millis(end);
                    Cell::Due { tone: Tone::Warn, icon: Icon::Over, text: say!("network-over").into(), moment }
                }
                Some(end) => Cell::Moment(view::moment_millis(end)),
            },
        ];
        cells.extend(hits.map(|hits| network_hits::cell(hits, index, rule.action)));
        Row::new(cells)
    };
    let default = say!("network-what-no-rule-fits-is-default", default_action = word_past(rules.default_action));
    if rules.rules.is_empty() {
        return Panel::new(
            say!("network-rules"),
            Body::Text(vec![say!("network-there-is-no-rule").to_owned(), default]),
        );
    }
    let rows = rules.rules.iter().enumerate().map(row).collect();
    let mut columns = vec![
        say!("network-place"),
        say!("network-does"),
        say!("network-network"),
        say!("network-listener"),
        say!("network-ends"),
    ];
    columns.extend(hits.map(|_| say!("network-hits-24-h")));
    let counted = hits.map(|hits| format!(" {}", network_hits::foot(hits))).unwrap_or_default();
    Panel::new(say!("network-rules"), Body::Table(Table::new(&columns, rows))).foot(format!("{default}{counted}"))
}

fn tester(viewer: &Viewer<'_>, rules: &NetworkRules, name: &VaultName, tested: Option<&Tested>) -> Panel {
    let ctx = &viewer.call.ctx;
    let address = tested.map_or_else(|| ctx.client.to_canonical().to_string(), |tested| tested.address.clone());
    let listener = tested.map_or(&*ctx.listener, |tested| tested.listener.as_str());
    let known = viewer.services.listening.told();
    let form = Form {
        action: links::in_vault(name, "network", &[]),
        fields: vec![
            Field::line("address", say!("network-address"), address, 64),
            Field::line("listener", say!("network-listener"), listener, 32)
                .known(known.iter().map(|listener| (&listener.name, &listener.place))),
        ],
        submit: say!("network-test").to_owned(),
        error: tested.and_then(|tested| tested.found.as_ref().err()).map(|problem| problem.message.clone()),
        ..Form::default()
    };
    let panel = Panel::new(say!("network-test-an-address"), Body::Form(form));
    match tested.and_then(|tested| tested.told(rules, ctx.now)) {
        None => panel,
        Some(told) => panel.foot(told),
    }
}

fn word(action: NetworkAction) -> &'static str {
    match action {
        NetworkAction::Allow => "allow",
        NetworkAction::Deny => "deny",
    }
}

fn word_past(action: NetworkAction) -> &'static str {
    match action {
        NetworkAction::Allow => say!("network-allowed-word"),
        NetworkAction::Deny => say!("network-denied-word"),
    }
}

fn action(text: &str) -> Option<NetworkAction> {
    [NetworkAction::Allow, NetworkAction::Deny].into_iter().find(|action| word(*action).eq_ignore_ascii_case(text))
}

/// A rule as a line.
fn write_rule(rule: &NetworkRule) -> String {
    let mut line = word(rule.action).to_owned();
    if let Some(network) = rule.network {
        line.push_str(&format!(" {network}"));
    }
    if let Some(listener) = &rule.listener {
        line.push_str(&format!(" listener {listener}"));
    }
    if let Some(end) = rule.ends_at {
        line.push_str(&format!(" until {}", view::audit_time(end).iso));
    }
    line
}

fn read_rules(text: &str) -> Result<Vec<NetworkRule>, Problem> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| {
            read_rule(line).ok_or_else(|| {
                Problem::bad_parameter(say!("network-line-index-is-no-rule", index = index + 1, line = line))
            })
        })
        .collect()
}

fn read_rule(line: &str) -> Option<NetworkRule> {
    let mut words = line.split_whitespace();
    let mut rule = NetworkRule { action: action(words.next()?)?, network: None, listener: None, ends_at: None };
    while let Some(word) = words.next() {
        match word {
            "listener" if rule.listener.is_none() => rule.listener = Some(words.next()?.to_owned()),
            "until" if rule.ends_at.is_none() => rule.ends_at = Some(moment(words.next()?)?),
            // Read as the API reads it: an address stands for itself alone.
            network if rule.network.is_none() => {
                let json = serde_json::json!({ "action": "allow", "network": network });
                rule.network = serde_json::from_value::<NetworkRule>(json).ok()?.network;
            }
            _ => return None,
        }
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for line in [
            "allow 10.0.0.0/8",
            "deny 2001:db8::/32 listener main",
            "allow listener admin until 2027-01-31T00:00:00.000Z",
            "deny 192.0.2.1/32 until 2027-01-31T00:00:00.123Z",
        ] {
            assert_eq!(write_rule(&read_rule(line).unwrap()), line);
        }
        assert_eq!(write_rule(&read_rule("ALLOW 192.0.2.1").unwrap()), "allow 192.0.2.1/32");
        for bad in
            ["", "permit 10.0.0.0/8", "allow 10.0.0.0/8 10.1.0.0/8", "allow until", "allow x", "deny until never"]
        {
            assert!(read_rule(bad).is_none(), "{bad}");
        }
        assert!(read_rules("allow 10.0.0.0/8\n\n what?").unwrap_err().message.starts_with("Line 3"));
    }

    #[test]
    fn a_rule_that_is_never_reached_is_told() {
        let hidden = |before: &str, rule: &str| {
            let rules = [before, rule].map(|line| read_rule(line).unwrap()).to_vec();
            NetworkRules { rules, ..NetworkRules::default() }.hidden_by(1, 0) == Some(0)
        };
        assert!(hidden("deny 10.0.0.0/8", "allow 10.1.0.0/16"));
        assert!(hidden("deny listener main", "allow 10.1.0.0/16 listener main"));
        assert!(hidden("deny 10.0.0.0/8 until 2027-01-31T00:00:00Z", "allow 10.1.0.0/16 until 2027-01-30T00:00:00Z"));
        for (before, rule) in [
            ("deny 10.1.0.0/16", "allow 10.0.0.0/8"),
            ("deny 10.0.0.0/8 listener main", "allow 10.1.0.0/16"),
            ("deny 10.0.0.0/8", "allow listener main"),
            ("deny 10.0.0.0/8 until 2027-01-31T00:00:00Z", "allow 10.1.0.0/16"),
            ("deny 10.0.0.0/8", "allow 2001:db8::/32"),
        ] {
            assert!(!hidden(before, rule), "{before}, {rule}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line in "(allow|deny)?[ a-z0-9.:/-]{0,40}") {
            if let Some(rule) = read_rule(&line) {
                prop_assert_eq!(read_rule(&write_rule(&rule)), Some(rule));
            }
        }
    }
}
