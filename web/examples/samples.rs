//! Writes every sample page, with the assets it links, to a directory:
//! `cargo run -p strongroom-web --example samples -- DIR`. Serve the directory as the root of a host,
//! with the policy in its file `content-security-policy.txt`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use strongroom_web::{asset, asset_names, content_security_policy, sample_pages};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args_os().nth(1).ok_or("usage: samples DIR")?);
    let assets = directory.join("assets");
    fs::create_dir_all(&assets)?;
    for (name, html) in sample_pages() {
        fs::write(directory.join(format!("{name}.html")), html?.as_bytes())?;
    }
    for name in asset_names() {
        let file = asset(name).ok_or("an asset without bytes")?;
        fs::write(assets.join(name), file.bytes)?;
    }
    fs::write(directory.join("content-security-policy.txt"), content_security_policy())?;
    Ok(())
}
