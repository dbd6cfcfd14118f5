//! The bundled assets, inside the binary. The names hold a hash of the content, so a page links
//! exactly the files it was made for, and a browser may keep them for ever.

/// Path below which the pages expect the assets.
pub const ASSET_PREFIX: &str = "/assets/";

/// One embedded file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The whole file.
    pub bytes: &'static [u8],
    /// Its media type, with the character set where that matters.
    pub content_type: &'static str,
    /// Whether the name changes with the content: `cache-control: public, max-age=31536000, immutable`.
    pub immutable: bool,
}

mod bundle {
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

pub(crate) use bundle::{APP_CSS, APP_JS, ICONS, MARK};

/// The asset of this name: what follows [`ASSET_PREFIX`] in the request's path. `None` for everything
/// that was not bundled; nothing is read from disk.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let (name, bytes, immutable) = bundle::TABLE.iter().copied().find(|(name, ..)| *name == path)?;
    Some(Asset { bytes, content_type: content_type(name), immutable })
}

/// The names of all assets.
pub fn asset_names() -> impl Iterator<Item = &'static str> {
    bundle::TABLE.iter().map(|(name, ..)| *name)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
