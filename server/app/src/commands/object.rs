//! What the commands of secrets, keys and certificates have in common: listing, deleting, recovering, purging.

use reqwest::Method;
use serde_json::Value;

use super::{Lines, backup, done, facts, seconds, table, text, told_tags};
use crate::{
    cli::{LifeCommand, Output, VaultAt},
    client::VaultClient,
    exit::Found,
    plain::{json, plain},
    terminal,
};

/// A column of a listing: its title, and what stands in it.
pub(super) type Column = (&'static str, fn(&Value) -> String);

/// A name, and what is told under it.
type Told = (&'static str, String);

/// A collection of a vault.
pub(super) struct Collection {
    /// What one of it is called.
    pub(super) word: &'static str,
    /// Where it is.
    pub(super) path: &'static str,
    /// Where what was deleted of it is.
    pub(super) deleted: &'static str,
    /// What its listing is asked for beside what it tells by itself.
    pub(super) asked: &'static [(&'static str, &'static str)],
    /// Where a line of a listing has its identifier.
    pub(super) line_id: &'static str,
    /// Where a whole one has it.
    pub(super) id: &'static str,
    /// More columns, and what stands in them.
    pub(super) columns: &'static [Column],
    /// What a whole one has to show that others have not.
    pub(super) own: fn(&Value) -> Vec<Told>,
}

pub(super) async fn connect(at: &VaultAt) -> anyhow::Result<VaultClient> {
    VaultClient::connect(&at.vault_url, &at.connection).await
}

impl Collection {
    pub(super) async fn run(&self, step: LifeCommand) -> anyhow::Result<()> {
        match step {
            LifeCommand::List { deleted, at } => self.list(deleted, &at).await,
            LifeCommand::Versions { name, at } => self.versions(&name, &at).await,
            LifeCommand::Delete { name, at } => self.delete(&name, &at).await,
            LifeCommand::Recover { name, at } => self.recover(&name, &at).await,
            LifeCommand::Purge { name, yes, at } => self.purge(&name, yes, &at).await,
            LifeCommand::Backup { name, file, overwrite, at } => {
                backup::backup(self, &name, &file, overwrite, &at).await
            }
            LifeCommand::Restore { file, at } => backup::restore(self, &file, &at).await,
        }
    }

    /// What a line's identifier ends with: a name, or a version.
    fn last_part(&self, item: &Value) -> String {
        text(item, self.line_id).rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn table(&self, header: &[&str]) -> Lines {
        let own = self.columns.iter().map(|(title, _)| *title);
        table(&header.iter().copied().chain(own).collect::<Vec<_>>())
    }

    fn row(&self, item: &Value, cells: Vec<String>) -> Vec<String> {
        cells.into_iter().chain(self.columns.iter().map(|(_, told)| told(item))).collect()
    }

    async fn list(&self, deleted: bool, from: &VaultAt) -> anyhow::Result<()> {
        let vault = connect(from).await?;
        let items =
            if deleted { vault.all(&[self.deleted]).await? } else { vault.all_asked(&[self.path], self.asked).await? };
        if from.output == Output::Json {
            println!("{}", json(&Value::Array(items)));
            return Ok(());
        }
        let mut shown = if deleted {
            self.table(&["NAME", "DELETED", "RECOVERABLE UNTIL"])
        } else {
            self.table(&["NAME", "ENABLED", "UPDATED", "EXPIRES"])
        };
        for item in &items {
            let mut cells = vec![self.last_part(item)];
            if deleted {
                cells.extend([seconds(item, "/deletedDate"), seconds(item, "/scheduledPurgeDate")]);
            } else {
                let times = ["updated", "exp"].map(|time| seconds(item, &format!("/attributes/{time}")));
                cells.extend([text(item, "/attributes/enabled")].into_iter().chain(times));
            }
            shown.add_row(self.row(item, cells));
        }
        println!("{shown}");
        Ok(())
    }

    async fn versions(&self, name: &str, from: &VaultAt) -> anyhow::Result<()> {
        // The server has them in the order in which they were made, which the seconds of `created` do not tell.
        let items = connect(from).await?.all(&[self.path, name, "versions"]).await?;
        if items.is_empty() {
            // As Azure has it, a listing of versions does not tell whether there is such a name.
            let nothing = format!("there is no {} {}, or none that you may know of", self.word, plain(name));
            return Err(Found::Nothing(nothing).into());
        }
        if from.output == Output::Json {
            println!("{}", json(&Value::Array(items)));
            return Ok(());
        }
        let mut shown = self.table(&["VERSION", "ENABLED", "CREATED", "NOT BEFORE", "EXPIRES"]);
        for item in &items {
            let [created, begins, ends] =
                ["created", "nbf", "exp"].map(|time| seconds(item, &format!("/attributes/{time}")));
            let enabled = text(item, "/attributes/enabled");
            shown.add_row(self.row(item, vec![self.last_part(item), enabled, created, begins, ends]));
        }
        println!("{shown}");
        Ok(())
    }

    async fn delete(&self, name: &str, from: &VaultAt) -> anyhow::Result<()> {
        let answer = connect(from).await?.send(Method::DELETE, &self.whole(name), None).await?;
        match from.output {
            Output::Json => println!("{}", json(&answer)),
            Output::Table => {
                let until = seconds(&answer, "/scheduledPurgeDate");
                println!("{} is deleted and recoverable until {until}", text(&answer, self.id));
            }
        }
        Ok(())
    }

    /// Where one of it is deleted: with a name that is a word of addresses, where that word cannot be meant.
    fn whole<'a>(&self, name: &'a str) -> Vec<&'a str> {
        let is_a_word = self.path == "certificates" && name.eq_ignore_ascii_case("contacts");
        [self.path, name].into_iter().chain(is_a_word.then_some("versions")).collect()
    }

    async fn recover(&self, name: &str, at: &VaultAt) -> anyhow::Result<()> {
        let answer = connect(at).await?.send(Method::POST, &[self.deleted, name, "recover"], None).await?;
        self.print_id(&answer, at.output);
        Ok(())
    }

    async fn purge(&self, name: &str, yes: bool, from: &VaultAt) -> anyhow::Result<()> {
        if !yes {
            terminal::confirm(&format!("Purging the {} {name}", self.word), name)?;
        }
        connect(from).await?.send(Method::DELETE, &[self.deleted, name], None).await?;
        done(from.output, &serde_json::json!({ "purged": name }), format_args!("{name} is purged"));
        Ok(())
    }

    /// One of it: what is peculiar to it between its identifier and what all of them have.
    pub(super) fn print_one<'a>(
        &self,
        answer: &Value,
        own: impl IntoIterator<Item = (&'a str, String)>,
        output: Output,
    ) {
        if output == Output::Json {
            println!("{}", json(answer));
            return;
        }
        let [created, updated, begins, ends] =
            ["created", "updated", "nbf", "exp"].map(|time| seconds(answer, &format!("/attributes/{time}")));
        let common = [
            ("enabled", text(answer, "/attributes/enabled")),
            ("created", created),
            ("updated", updated),
            ("not before", begins),
            ("expires", ends),
            ("recovery level", text(answer, "/attributes/recoveryLevel")),
            ("tags", told_tags(answer, "/tags")),
        ];
        println!("{}", facts([("id", text(answer, self.id))].into_iter().chain(own).chain(common)));
    }

    pub(super) fn print_id(&self, answer: &Value, output: Output) {
        match output {
            Output::Json => println!("{}", json(answer)),
            Output::Table => println!("{}", text(answer, self.id)),
        }
    }
}
