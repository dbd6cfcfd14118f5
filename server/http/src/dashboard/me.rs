//! What belongs to whoever is signed in: their sessions, and how pages look to them.

use std::{fmt::Write as _, sync::Arc};

use strongroom_domain::{
    entrance::IDLE_SECONDS,
    identity::{Begun, Session},
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, Form, Icon, Look, Panel, PanelsPage, Row, Table, Theme, Tone,
    messages::{Language, within},
    say,
};

use super::{
    Failure, access,
    form::{SHORT, Sent},
    frame::{Place, Viewer, without_scheme},
    links, redirect, rendered,
    session::{self, set_cookie},
    snippets::{self, Commands},
    sort, step_up, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Name of the cookie that says how pages look. Holds nothing but four words.
const LOOK_COOKIE: &str = "__Host-look";
/// The word for single keys that do nothing.
const QUIET: &str = "quiet";
/// The word for the language that the browser asks for.
const ANY: &str = "any";
/// How long a browser keeps it, in seconds: a year.
const LOOK_SECONDS: u32 = 365 * 86_400;

fn themes() -> [(&'static str, &'static str, Theme); 3] {
    [
        ("system", say!("me-as-the-system"), Theme::System),
        ("light", say!("me-light"), Theme::Light),
        ("dark", say!("me-dark"), Theme::Dark),
    ]
}

/// How pages look to this browser.
pub(super) fn look(cookies: Option<&str>) -> Look {
    let mut words = said(cookies).split('.');
    let mut word = || words.next().unwrap_or_default();
    let (theme, density, keys) = (word(), word(), word());
    let theme = match theme {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => Theme::System,
    };
    Look { theme, compact: density == "compact", quiet_keys: keys == QUIET }
}

/// The language that was chosen in this browser; none when it is to be the browser's own.
pub(crate) fn language(cookies: Option<&str>) -> Option<Language> {
    said(cookies).split('.').nth(3).and_then(Language::of_tag)
}

fn said(cookies: Option<&str>) -> &str {
    cookies.and_then(|cookies| session::cookie(cookies, LOOK_COOKIE)).unwrap_or_default()
}

/// Languages to choose from: what is sent, and each in its own words.
fn languages() -> Vec<(&'static str, &'static str)> {
    let own = |language: Language| (language.tag(), within(language, || say!("me-this-language-in-its-own")));
    [(ANY, say!("me-as-the-browser-says"))].into_iter().chain(Language::all().map(own)).collect()
}

/// GET /me
///
/// # Errors
/// 503 when the sessions cannot be read.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sessions = own(viewer).await?;
    let principal = &viewer.session.principal;
    let token = viewer.form_token();
    let rows = sessions.iter().map(|session| {
        let this = session.id_hash == viewer.session.id_hash;
        let began = view::moment(session.created).text;
        Row {
            cells: vec![
                Cell::Moment(view::moment(session.created)),
                from(session),
                with(session, this),
                proved(session),
                ends(session),
                Cell::Acts(vec![Act::post(
                    say!("me-end"),
                    &say!("me-session-of-began", began = began),
                    end_href(session),
                    &token,
                    Icon::SignOut,
                )]),
            ],
            marked: this,
        }
    });
    let others = sessions.len().saturating_sub(1);
    let table = Table::new(&["Began", "From", "With", "Signed in at", "Ends", ""], rows.collect());
    let mut sessions_panel = sort::panel(viewer, say!("me-sessions"), "sessions", table, Some(say!("me-newest-first")))
        .foot(say!("me-what-is-ended-here-counts"));
    if others > 0 {
        sessions_panel = sessions_panel.acts(vec![Act::post(
            say!("me-end-all-others"),
            "",
            links::END_OTHERS,
            &token,
            Icon::SignOut,
        )]);
    }
    let groups = if principal.groups.is_empty() { say!("me-none").to_owned() } else { principal.groups.join(", ") };
    let facts = vec![
        Fact::text(say!("me-name"), viewer.session.display_name.clone()),
        Fact::code(say!("me-subject"), principal.id.subject.clone()),
        Fact::code(say!("me-issuer"), principal.id.issuer.clone()),
        Fact::text(say!("me-groups"), groups),
        Fact::text(say!("me-proof-of-who-you-are"), proof(viewer.session, viewer.now())),
    ];
    let again = step_up::href(viewer, None).map(|href| Act::link(say!("me-sign-in-again"), href, Icon::Lock));
    let theme = themes().iter().find(|(.., theme)| *theme == viewer.look.theme).map_or("system", |(word, ..)| word);
    let themes = themes().map(|(word, label, _)| (word, label));
    let chosen = language(request.cookies.as_deref());
    let look = Form {
        action: links::LOOK.to_owned(),
        csrf_token: Some(token.clone()),
        fields: vec![
            Field::choice("theme", say!("me-theme"), &themes, theme),
            Field::check("compact", say!("me-compact-rows"), viewer.look.compact),
            Field::choice("language", say!("me-language"), &languages(), chosen.map_or(ANY, Language::tag)),
            Field::check("keys", say!("me-single-key-shortcuts"), !viewer.look.quiet_keys)
                .hint(say!("me-the-list-of-them-is")),
        ],
        submit: say!("me-save").to_owned(),
        ..Form::default()
    };
    let headline = match others {
        0 => say!("me-you-have-this-session-alone").to_owned(),
        1 => say!("me-you-have-two-sessions").to_owned(),
        _ => say!("me-you-have-others-sessions", others = others + 1),
    };
    let page = PanelsPage {
        lead: Some(say!("me-signed-in-at-issuer", issuer = without_scheme(&principal.id.issuer))),
        main: vec![access::own::panel(viewer).await, sessions_panel],
        aside: vec![
            Panel::new(say!("me-you"), Body::Facts(facts)).acts(again.into_iter().collect()),
            Panel::new(say!("me-appearance"), Body::Form(look)),
            snippets::panel(vec![Commands::of_installation(viewer.services).server("whoami")]),
        ],
        ..PanelsPage::new(viewer.shell(&Place::Me).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// The address that a session began from.
fn from(session: &Session) -> Cell {
    match &session.begun {
        Some(Begun { client, .. }) => Cell::Code(client.to_string()),
        None => Cell::None(say!("me-not-known").to_owned()),
    }
}

/// What has a session: a browser, or a program of the command line.
fn with(session: &Session, this: bool) -> Cell {
    let text = match &session.begun {
        Some(Begun { command_line: true, .. }) => say!("me-the-command-line").to_owned(),
        Some(Begun { program: Some(program), .. }) => program.clone(),
        Some(_) => say!("me-a-browser").to_owned(),
        None => say!("me-a-browser-or-the-command-line").to_owned(),
    };
    if this {
        return Cell::Badge {
            tone: Tone::Good,
            icon: Icon::Check,
            text: say!("me-this-one").to_owned(),
            small: Some(text),
        };
    }
    Cell::text(text)
}

/// When and how the person proved to the provider who they are.
fn proved(session: &Session) -> Cell {
    let told = |claim: &str| session.principal.claims.get(claim).map(|value| format!("{claim} {value}"));
    let how: Vec<String> = ["acr", "amr"].into_iter().filter_map(told).collect();
    let small = (!how.is_empty()).then(|| how.join(", "));
    match session.authenticated {
        Some(proved) => Cell::When { moment: view::moment(proved), href: None, small },
        None => Cell::Text { text: say!("me-not-told").to_owned(), small },
    }
}

/// When a session ends whatever is done with it, and when it ends unused: the command line's does not.
fn ends(session: &Session) -> Cell {
    let is_idle = !session.begun.as_ref().is_some_and(|begun| begun.command_line);
    let small = is_idle.then(|| say!("me-or-after-minutes-unused", minutes = IDLE_SECONDS / 60));
    Cell::When { moment: view::moment(session.expires), href: None, small }
}

/// How old the proof is, and for how long it counts for what cannot be undone.
fn proof(session: &Session, now: i64) -> String {
    let Some(proved) = session.authenticated else { return say!("me-your-provider-does-not-say-when").to_owned() };
    let age = now.saturating_sub(proved).max(0);
    let minutes = age / 60;
    if step_up::is_fresh(session, now) {
        let left = step_up::FRESH_SECONDS.saturating_sub(age).div_euclid(60);
        return say!("me-minutes-old-counts-for-more", minutes = minutes, left = left);
    }
    say!("me-minutes-old-asked-for-again", minutes = minutes)
}

/// Everything that this person is signed in with, the newest first.
async fn own(viewer: &Viewer<'_>) -> Result<Vec<Arc<Session>>, Problem> {
    let entrance = &viewer.services.entrance;
    Ok(entrance.sessions_of(&viewer.session.principal.id, viewer.call.ctx.now).await?)
}

/// What a session is called in an address: the beginning of its hash, which opens nothing.
fn called(session: &Session) -> String {
    session.id_hash.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn end_href(session: &Session) -> String {
    format!("{}/sessions/{}/end", links::ME, called(session))
}

/// POST /me/sessions/{session}/end
///
/// # Errors
/// 403 for a form that is not ours; 404 for a session that is not one's own; 503 when its end cannot be
/// recorded.
pub(super) async fn end(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let sessions = own(viewer).await?;
    let found = sessions.iter().find(|session| called(session) == viewer.call.parameter(0));
    let session = found.ok_or_else(Problem::no_route)?;
    viewer.services.entrance.end_session(&viewer.call.ctx, session.id_hash).await?;
    if session.id_hash == viewer.session.id_hash {
        return Ok(session::taken_back(redirect(session::signed_out(viewer))));
    }
    Ok(redirect(links::ME.to_owned()))
}

/// POST /me/end-others: each end is a record of its own.
///
/// # Errors
/// 403 for a form that is not ours; 503 when an end cannot be recorded.
pub(super) async fn end_others(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    for session in own(viewer).await?.iter().filter(|session| session.id_hash != viewer.session.id_hash) {
        viewer.services.entrance.end_session(&viewer.further()?, session.id_hash).await?;
    }
    Ok(redirect(links::ME.to_owned()))
}

/// POST /me/look: how pages look in this browser.
///
/// # Errors
/// 403 for a form that is not ours; 400 for a theme that there is not.
pub(super) async fn put_look(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let theme = themes().iter().map(|(word, ..)| *word).find(|word| *word == sent.text("theme"));
    let theme = theme.ok_or_else(|| Problem::bad_parameter(say!("me-there-is-no-such-theme")))?;
    let density = if sent.ticked("compact") { "compact" } else { "usual" };
    let keys = if sent.ticked("keys") { "keys" } else { QUIET };
    let language = Language::of_tag(sent.text("language")).map_or(ANY, Language::tag);
    let cookie = set_cookie(LOOK_COOKIE, &format!("{theme}.{density}.{keys}.{language}"), Some(LOOK_SECONDS));
    Ok(redirect(links::ME.to_owned()).with("set-cookie", cookie))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_four_words_and_anything_else_is_the_usual_one() {
        let of = |theme, compact, quiet_keys| Look { theme, compact, quiet_keys };
        assert_eq!(look(Some("__Host-look=dark.compact")), of(Theme::Dark, true, false));
        assert_eq!(look(Some("__Host-look=light.usual.keys.en; a=b")), of(Theme::Light, false, false));
        assert_eq!(look(Some("__Host-look=system.usual.quiet.any")), of(Theme::System, false, true));
        for (cookie, chosen) in [("dark.compact", None), ("dark.compact.keys.any", None), ("a.b.c.en-XA", None)] {
            assert_eq!(language(Some(&format!("__Host-look={cookie}"))), chosen, "{cookie}");
        }
        assert_eq!(language(Some("__Host-look=a.b.c.en")), Some(Language::ENGLISH));
        for other in [None, Some(""), Some("__Host-look=\"><script>"), Some("__Host-look=.")] {
            assert_eq!(look(other), Look::default(), "{other:?}");
        }
    }
}
