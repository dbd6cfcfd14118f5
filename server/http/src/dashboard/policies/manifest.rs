//! What a module asks the server for, and what it is given. A module imports nothing: it has no clock, no randomness, no
//! files and no network, and what it may know stands in the request.

use strongroom_domain::{admin::ModuleShown, policy::PolicyStage, policy_module::ModuleLimits};
use strongroom_web::{Body, Cell, Fact, Icon, Panel, Tone, say};

use super::fared;
use crate::dashboard::{frame::Viewer, view};

/// What each module exports, without the version of the contract.
const EXPORTS: &str = "strongroom:policy/guard@";

pub(super) fn panels(viewer: &Viewer<'_>, module: &ModuleShown) -> Vec<Panel> {
    let library = &viewer.services.admin.library;
    vec![
        host(module),
        Panel::new(say!("policies-manifest-what-it-wants-to-see"), Body::Facts(wants(module)))
            .note(say!("policies-manifest-for-other-requests")),
        Panel::new(say!("policies-manifest-limits"), Body::Facts(limits(&library.limits())))
            .foot(say!("policies-manifest-over-a-limit")),
        Panel::new(
            say!("policies-manifest-signature"),
            Body::Facts(vec![Fact {
                name: say!("policies-manifest-signature").to_owned(),
                value: fared::signature(module, library.judges_signatures()),
            }]),
        ),
    ]
}

fn host(module: &ModuleShown) -> Panel {
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let none = |words: &str| Cell::badge(Tone::Good, Icon::Check, words);
    let facts = vec![
        fact(say!("policies-manifest-imports-asked-for"), none(say!("policies-manifest-none"))),
        fact(say!("policies-manifest-imports-granted"), none(say!("policies-manifest-none"))),
        Fact::code(say!("policies-manifest-exports"), format!("{EXPORTS}{}", module.facts.contract)),
    ];
    Panel::new(say!("policies-manifest-host"), Body::Facts(facts)).foot(say!("policies-manifest-imports-nothing"))
}

fn wants(module: &ModuleShown) -> Vec<Fact> {
    let facts = &module.facts;
    let patterns = |name: &str, patterns: &[String], none: &str| {
        if patterns.is_empty() { Fact::text(name, none) } else { Fact::code(name, patterns.join("\n")) }
    };
    let asked = match facts.needs.stage {
        PolicyStage::Network => say!("policies-manifest-about-the-connection"),
        PolicyStage::Request => say!("policies-manifest-last"),
    };
    vec![
        Fact::text(say!("policies-manifest-asked"), asked),
        patterns(say!("policies-manifest-actions"), &facts.actions, say!("policies-manifest-none")),
        patterns(say!("policies-manifest-objects"), &facts.objects, say!("policies-manifest-none")),
        patterns(say!("policies-manifest-facts"), &facts.needs.facts, say!("policies-manifest-no-facts")),
    ]
}

fn limits(limits: &ModuleLimits) -> Vec<Fact> {
    let ModuleLimits { fuel, memory_bytes, stack_bytes, backstop, messages, obligations } = limits;
    let kib = |bytes: u64| say!("policies-manifest-kib", count = view::grouped(bytes >> 10));
    vec![
        Fact::text(say!("policies-manifest-fuel"), view::grouped(*fuel)),
        Fact::text(say!("policies-manifest-memory"), kib(*memory_bytes)),
        Fact::text(say!("policies-manifest-stack"), kib(*stack_bytes)),
        Fact::text(
            say!("policies-manifest-clock"),
            fared::time(u64::try_from(backstop.as_micros()).unwrap_or(u64::MAX)),
        ),
        Fact::text(say!("policies-manifest-messages"), view::grouped(*messages)),
        Fact::text(say!("policies-manifest-obligations"), view::grouped(*obligations)),
    ]
}
