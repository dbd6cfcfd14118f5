//! The address of a server or a vault, as somebody wrote it: what is wrong with it is told with what would be right.

use anyhow::bail;
use url::Url;

use super::origin;
use crate::plain::plain;

/// An address: https, a host, perhaps a port, and nothing else. `said` names where it stands, with its verb.
pub(crate) fn parse(text: &str, said: &str) -> anyhow::Result<Url> {
    let form = "https://HOST or https://HOST:PORT";
    let (text, shown) = (text.trim(), plain(text));
    if text.contains('@') {
        // Not repeated: there may be a password in front of it.
        bail!("an address holds no name and no password: {said} of the form {form}, and `strongroom login` signs in");
    }
    let Some(url) = Url::parse(text).ok().filter(Url::has_host) else {
        // `vault.example:8443` is read as a scheme with something behind it.
        let guess = Url::parse(&format!("https://{}", text.trim_start_matches('/')));
        match guess.ok().filter(|_| !text.contains("://")) {
            Some(guess) => bail!("{shown} is not an address: {said} of the form {form}; is it {}?", origin(&guess)),
            None => bail!("{shown} is not an address: {said} of the form {form}"),
        }
    };
    if url.scheme() != "https" {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        bail!("{shown} is not an https address, and nothing else is spoken: is it https://{host}{port}?");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        bail!("{shown} has something behind the host: {said} of the form {form}; is it {}?", origin(&url));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_that_is_none_is_told_what_it_would_be() {
        for good in
            ["https://vault.example", "https://vault.example/", " https://vault.example:8443 ", "https://[::1]:8443"]
        {
            assert!(parse(good, "--server is").is_ok(), "{good}");
        }
        for (wrong, right) in [
            ("vault.example", "is it https://vault.example?"),
            ("vault.example:8443", "is it https://vault.example:8443?"),
            ("//vault.example", "is it https://vault.example?"),
            ("/vault", "of the form https://HOST"),
            ("http://vault.example:8443", "is it https://vault.example:8443?"),
            ("http://vault.example", "is it https://vault.example?"),
            ("https://vault.example/api/v1", "is it https://vault.example?"),
            ("https://demo.vault.example/secrets/db?x=1", "is it https://demo.vault.example?"),
            ("https://", "of the form https://HOST"),
            ("", "of the form https://HOST"),
        ] {
            let said = parse(wrong, "--server is").unwrap_err().to_string();
            assert!(said.contains(right), "{wrong}: {said}");
        }
        let secret = parse("https://ada:hush@vault.example", "--server is").unwrap_err().to_string();
        assert!(secret.contains("no password") && !secret.contains("hush"), "{secret}");
        let secret = parse("ada:hush@vault.example", "--server is").unwrap_err().to_string();
        assert!(!secret.contains("hush"), "{secret}");
    }
}
