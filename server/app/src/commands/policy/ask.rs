//! `strongroom policy explain` and `bench`: one request, and what a module makes of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use strongroom_domain::policy::{PolicyAnswer, PolicyEngine as _, PolicyRequest};

use super::{super::plain_lines, Loaded, test};
use crate::{
    cli::{Output, Question},
    commands::{done, table},
    plain::plain,
};

/// Decisions before measuring begins.
const WARM_UP: u32 = 100;

fn question(question: &Question) -> anyhow::Result<(PolicyRequest, String)> {
    if let Some(case) = &question.case {
        return test::read(&question.cases)?.case(case).map_err(anyhow::Error::msg);
    }
    let path = question.request.as_ref().context("say --request or --case")?;
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let not_one = || format!("{} is not a request", path.display());
    let described = serde_json::from_str(&text).with_context(not_one)?;
    if let Some(unknown) = PolicyRequest::unknown_member(&described) {
        anyhow::bail!("{}: {unknown}", not_one());
    }
    let request = serde_json::from_str(&text).with_context(not_one)?;
    Ok((request, question.settings.clone()))
}

async fn decide(loaded: &Loaded, request: &PolicyRequest, settings: &str) -> anyhow::Result<PolicyAnswer> {
    let attachment = loaded.attach(settings).await?;
    if let Some(fact) = loaded.description.facts.iter().find(|fact| !request.holds(fact)) {
        anyhow::bail!("the module wants the fact {fact}, and the request does not say it (null for none)");
    }
    let answers = loaded.engine.decide(&attachment, std::slice::from_ref(request)).await;
    let answers = answers.map_err(|failure| {
        anyhow::anyhow!("{failure}: the server would deny the request with the reason {}", failure.reason_code())
    })?;
    answers.into_iter().next().context("the module gave no answer")
}

pub(super) async fn explain(module: &str, asked: &Question, output: Output) -> anyhow::Result<()> {
    let (request, settings) = question(asked)?;
    let loaded = Loaded::find(module)?;
    let began = Instant::now();
    let answer = decide(&loaded, &request, &settings).await?;
    let took = began.elapsed();
    let micros = strongroom_domain::time::micros(took);
    if output == Output::Json {
        let shown = json!({
            "module": { "name": loaded.description.name, "version": loaded.description.version, "digest": loaded.digest },
            "stage": loaded.description.stage,
            "facts": loaded.description.facts,
            "settings": settings,
            "request": request,
            "answer": answer,
            "micros": micros,
        });
        println!("{}", crate::plain::json(&serde_json::to_string_pretty(&shown)?));
        return Ok(());
    }
    let given = loaded.description.facts.join(", ");
    println!("asked:\n{}\n", plain_lines(&serde_json::to_string_pretty(&request)?));
    let mut shown = table(&["answer", ""]);
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { plain(&text) };
    let obligations: Vec<_> = answer.obligations.iter().map(|one| json!(one).to_string()).collect();
    for (name, value) in [
        ("module", format!("{} {} ({})", loaded.description.name, loaded.description.version, loaded.digest)),
        ("facts given", given),
        ("settings", settings),
        ("effect", answer.effect.as_str().to_owned()),
        ("reason", answer.reason_code),
        ("sentence", answer.sentence),
        ("relied on", answer.relied_on.join(", ")),
        ("messages", answer.messages.join(" | ")),
        ("obligations", obligations.join(" ")),
        ("fuel", answer.fuel.to_string()),
        ("time", format!("{micros} µs, settings checked first")),
    ] {
        shown.add_row([name.to_owned(), or_none(value)]);
    }
    println!("{shown}");
    Ok(())
}

pub(super) async fn bench(module: &str, asked: &Question, rounds: u32, output: Output) -> anyhow::Result<()> {
    let (request, settings) = question(asked)?;
    let loaded = Loaded::find(module)?;
    let fuel = decide(&loaded, &request, &settings).await?.fuel;
    let attachment = loaded.attach(&settings).await?;
    let requests = [request];
    let mut took = Vec::new();
    for round in 0..rounds.saturating_add(WARM_UP) {
        let began = Instant::now();
        loaded.engine.decide(&attachment, &requests).await?;
        if round >= WARM_UP {
            took.push(began.elapsed());
        }
    }
    let total: Duration = took.iter().sum();
    took.sort_unstable();
    let at = |part: usize| took.get((took.len() * part / 1000).min(took.len() - 1)).copied().unwrap_or_default();
    let rate = f64::from(rounds) / total.as_secs_f64();
    let micros = |part| at(part).as_secs_f64() * 1e6;
    let told = json!({
        "decisions": rounds,
        "p50_microseconds": micros(500),
        "p99_microseconds": micros(990),
        "longest_microseconds": micros(1000),
        "a_second": rate,
        "fuel": fuel,
    });
    let words = format!(
        "{rounds} decisions, one at a time: p50 {:.1?}, p99 {:.1?}, longest {:.1?}; {rate:.0} a second; fuel {fuel}",
        at(500),
        at(990),
        at(1000),
    );
    done(output, &told, words);
    Ok(())
}
