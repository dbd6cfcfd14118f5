//! `strongroom network`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use strongroom_domain::network::parse_network;

use super::{Connection, Moment, Output, SealAt, ServerAt};

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetworkWord {
    /// It goes on to roles and policies.
    Allow,
    /// It is denied, whoever asks.
    Deny,
}

impl NetworkWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// A change of a vault's network rules.
#[derive(Args)]
pub(crate) struct NetworkChange {
    /// Go on even if you could not reach the vault any more from where you are. The record says so.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// `strongroom network`
#[derive(Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the rules of a vault. The first that fits decides; when none fits, the default action.
    List {
        /// Name of the vault.
        vault: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Count how often each rule decided in the last 24 hours, since the rules are what they are.
    ///
    /// From the audit log, for who may read it; what the rules say, for who may see the vault.
    Hits {
        /// Name of the vault.
        vault: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Replace all rules and the default action.
    Set {
        /// Name of the vault.
        vault: String,
        /// File of JSON as `network list --output json` prints it.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Add a rule about a network, a listener or both.
    Add {
        /// Name of the vault.
        vault: String,
        /// What is done when it fits.
        #[arg(value_enum)]
        action: NetworkWord,
        /// Network or address, for example 10.0.0.0/8 or 2001:db8::/32.
        #[arg(required_unless_present = "listener", value_parser = network)]
        network: Option<String>,
        /// Name of the listener that the connection came over.
        #[arg(long)]
        listener: Option<String>,
        /// When it ends: 2027-01-31T18:00:00Z, or a date, which is its first moment in UTC. Without: it does not end.
        #[arg(long, value_name = "WHEN")]
        until: Option<Moment>,
        /// Place in the list, from 1. Without: the last one.
        #[arg(long)]
        at: Option<usize>,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Take a rule away.
    Remove {
        /// Name of the vault.
        vault: String,
        /// Place in the list, from 1.
        place: usize,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Say what is done when no rule fits.
    Default {
        /// Name of the vault.
        vault: String,
        /// What is done.
        #[arg(value_enum)]
        action: NetworkWord,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// On the server's machine: let addresses in again, when the rules of a vault lock out whoever could change them.
    ///
    /// Puts rules in front of the others, which stay as they are. Needs the root key, and is on record. With the
    /// embedded database the server has to be stopped first; on PostgreSQL, the node whose configuration is named.
    Recover {
        /// Name of the vault.
        vault: String,
        /// The network or address to let in. Without: every one.
        #[arg(long)]
        allow: Option<String>,
        #[command(flatten)]
        at: SealAt,
    },
}

/// A network as it was written, if it is one.
fn network(text: &str) -> Result<String, String> {
    if let Some(network) = parse_network(text) {
        let address = text.split('/').next().and_then(|address| address.parse::<std::net::IpAddr>().ok());
        if address.is_some_and(|address| address != network.network()) {
            return Err(format!("it has bits behind its length: the whole network is {}", network.trunc()));
        }
        return Ok(text.to_owned());
    }
    let long = text.split_once('/').and_then(|(address, length)| {
        let most = if address.parse::<std::net::IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        (length.parse::<u32>().ok()? > most).then_some(most)
    });
    Err(match long {
        Some(most) => format!("the length after / is at most {most}, which means the one address"),
        None => "it is an address or a network: 10.0.0.7, 10.0.0.0/8, 2001:db8::/32".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn what_is_no_network_is_told_what_one_is() {
        for good in ["10.0.0.7", "10.0.0.0/8", "2001:db8::/32", "::1"] {
            assert_eq!(network(good).as_deref(), Ok(good));
        }
        for (bad, said) in [
            ("10.0.0.0/33", "at most 32"),
            ("2001:db8::/129", "at most 128"),
            ("10.0.0/8", "10.0.0.0/8"),
            ("office", "10.0.0.7"),
            ("10.0.0.0/x", "10.0.0.0/8"),
        ] {
            assert!(network(bad).unwrap_err().contains(said), "{bad}");
        }
    }
}
