//! Workloads as people name them: by client id, or by name where only one has it.

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::text;
use crate::{
    client::{Client, at, with_way_out},
    exit::Found,
};

/// All workload identities, page by page.
pub(super) async fn all(client: &Client, base: &Url) -> anyhow::Result<Vec<Value>> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let query: &[(&str, &str)] = if after.is_empty() { &[] } else { &[("after", &after)] };
        let page = client.send(Method::GET, at(base, &["api", "v1", "workloads"], query)?, None).await?;
        items.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
        match page.get("next").and_then(Value::as_str) {
            Some(next) if next > after.as_str() => next.clone_into(&mut after),
            _ => return Ok(items),
        }
    }
}

/// The client id of the workload that somebody named. A client id is taken as it is, without a look: it may be one that is
/// gone, and looking takes a right of its own.
pub(super) async fn client_id(client: &Client, base: &Url, workload: &str) -> anyhow::Result<String> {
    match Uuid::try_parse(workload) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => {
            let all = all(client, base).await.map_err(|error| with_way_out(error, &without_a_look(workload)))?;
            among(&all, workload)
        }
    }
}

/// What to do for who may not look a name up.
fn without_a_look(workload: &str) -> String {
    format!(
        "only who may see workload identities finds {workload} by its name; its client id says the same and takes no such \
         right: whoever made it has it, and so has the workload (AZURE_CLIENT_ID)"
    )
}

/// The client ids of the others that have a name.
pub(super) fn namesakes(workloads: &[Value], id: &str, name: &str) -> Vec<String> {
    let named = workloads.iter().filter(|one| text(one, "/name") == name);
    named.map(|one| text(one, "/client_id")).filter(|other| other != id).collect()
}

fn among(workloads: &[Value], name: &str) -> anyhow::Result<String> {
    let named = workloads.iter().filter(|one| one.get("name").and_then(Value::as_str) == Some(name));
    let ids: Vec<String> = named.map(|one| text(one, "/client_id")).collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => {
            let why = format!("there is no workload identity named {name} (strongroom identity list)");
            Err(Found::Nothing(why).into())
        }
        several => bail!("several workload identities are named {name}, so say which: {}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_stands_for_the_only_workload_that_has_it() {
        let workloads = [("1", "app"), ("2", "twin"), ("3", "twin")];
        let workloads = workloads.map(|(id, name)| json!({ "client_id": id, "name": name }));
        assert_eq!(among(&workloads, "app").unwrap(), "1");
        assert_eq!(namesakes(&workloads, "2", "twin"), ["3"]);
        assert!(namesakes(&workloads, "1", "app").is_empty());
        let several = among(&workloads, "twin").unwrap_err().to_string();
        assert!(several.contains("several") && several.ends_with("2, 3"), "{several}");
        for missing in ["ap", "App", ""] {
            assert!(among(&workloads, missing).unwrap_err().to_string().contains("no workload"), "{missing}");
        }
    }
}
