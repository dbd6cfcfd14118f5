//! A child of the policy host by itself, for the tests and measurements of this crate: the product is its
//! own child. Given `try WHAT HOW`, it confines itself and says by its end what it could still do.

use std::process::ExitCode;

use strongroom_policy_host::{confine_this_process, run_child};

fn main() -> ExitCode {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["try", what, how] => attempt(what, *how == "calls"),
        [word] => run_child(word).unwrap_or(ExitCode::FAILURE),
        _ => ExitCode::FAILURE,
    }
}

/// 0: it worked. 13: it was refused. 1: the process could not be confined.
fn attempt(what: &str, calls: bool) -> ExitCode {
    if confine_this_process(calls).is_err() {
        return ExitCode::FAILURE;
    }
    let done = match what {
        "nothing" => Ok(()),
        "read" => std::fs::File::open("/proc/self/status").map(drop),
        "write" => std::fs::write("/tmp/strongroom-policy-child-was-here", b""),
        "connect" => std::net::TcpStream::connect(("127.0.0.1", 9)).map(drop),
        "execute" => std::process::Command::new("/bin/true").status().map(drop),
        _ => return ExitCode::FAILURE,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => ExitCode::from(13),
        Err(_) => ExitCode::FAILURE,
    }
}
