//! Uploading a module.

use std::{io::ErrorKind, path::Path};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use strongroom_domain::policy_module::MAX_MODULE_BYTES;

use super::{
    super::{done, policy::signature_beside, text},
    MODULES, Server,
};
use crate::cli::ServerAt;

pub(super) async fn push(file: &Path, to: &ServerAt) -> anyhow::Result<()> {
    let module = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if module.len() > MAX_MODULE_BYTES {
        bail!("{} is larger than the 4 MiB that a policy module may have", file.display());
    }
    if let Some(why) = no_component(&module) {
        bail!("{} is {why}", file.display());
    }
    let server = Server::connect(&to.connection).await?;
    let mut url = server.at(&[MODULES])?;
    let beside = signature_beside(file);
    match std::fs::read(&beside) {
        Ok(signature) => {
            url.query_pairs_mut().append_pair("signature", &BASE64URL_NOPAD.encode(&signature));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", beside.display())),
    }
    let made = server.client.send(Method::POST, url, Some(module)).await?;
    done(to.output, &made, text(&made, "/digest"));
    Ok(())
}

/// What a file is that is no WebAssembly component: it begins as none does, so nothing of it is sent.
fn no_component(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: &[u8] = b"\0asm";
    // Version and layer of the binary format: those of a component, and those of a core module.
    const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
    const CORE: &[u8] = &[1, 0, 0, 0];
    match bytes.strip_prefix(MAGIC) {
        Some(rest) if rest.starts_with(COMPONENT) => None,
        Some(rest) if rest.starts_with(CORE) => Some(
            "a core WebAssembly module, and a policy module is a component: `strongroom policy build` makes one of a module's \
             folder, as `wasm-tools component new` does",
        ),
        Some(_) => Some("WebAssembly of a version that is not known, and a policy module is a component"),
        None if bytes.is_empty() => Some("empty"),
        None if std::str::from_utf8(bytes).is_ok() => Some(
            "a text, and a policy module is a WebAssembly component, NAME.wasm: `strongroom policy new` begins one, \
             `strongroom policy build` makes it",
        ),
        None => {
            Some("no WebAssembly: a policy module is a component, NAME.wasm, which `strongroom policy build` makes")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::no_component;

    #[test]
    fn what_is_no_component_is_told_what_it_is() {
        for (bytes, said) in [
            (&b""[..], "empty"),
            (b"Dear colleagues,\n", "a text"),
            (b"(component)", "a text"),
            (b"\x7fELF\xff\xfe", "no WebAssembly"),
            (b"\0asm\x01\0\0\0", "a core WebAssembly module"),
            (b"\0asm\x63\0\0\0", "not known"),
        ] {
            assert!(no_component(bytes).is_some_and(|why| why.starts_with(said) || why.contains(said)), "{said}");
        }
        assert_eq!(no_component(b"\0asm\x0d\0\x01\0"), None);
    }
}
