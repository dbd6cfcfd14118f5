//! The built binary as a process: started, waited for, stopped, killed.

use std::{
    fs::File,
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use reqwest::Client;

/// How long a server may take until it answers; a debug build on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The program under test: `STRONGROOM_BIN`, or the one built beside this test.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STRONGROOM_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("a target directory").join("strongroom");
    assert!(path.is_file(), "{} is missing: build it first (`cargo build --workspace`)", path.display());
    path
}

/// An example program of this build.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("a target directory").join("examples").join(name);
    assert!(path.is_file(), "{} is missing: `cargo build --workspace --all-targets` makes it", path.display());
    path
}

/// The only port in that range of the bad ports of the Fetch standard.
const REFUSED_BY_BROWSERS: u16 = 10_080;

/// Two free ports in a row: one for the server, one for its development identity provider.
///
/// Below the range from which the system serves outgoing connections, so that a server can be started
/// again on its port; drawn at random, because stories run side by side in several processes. Never the one of them that
/// browsers open nothing at.
pub(crate) fn free_ports() -> u16 {
    for _ in 0..1000 {
        let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
        let port = 10_000 + u16::try_from(random % 3000).expect("a small number") * 2;
        if port == REFUSED_BY_BROWSERS {
            continue;
        }
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
    panic!("no two free ports in a row");
}

/// Runs a command of the program to its end, which is to come soon.
///
/// What it prints is read while it runs: a pipe holds 64 KiB, and a longer output would stop the program.
pub(crate) fn run_to_end(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let stdout = read_aside(child.stdout.take().expect("a pipe"));
    let stderr = read_aside(child.stderr.take().expect("a pipe"));
    let until = Instant::now() + READY_WITHIN;
    let (status, in_time) = loop {
        match child.try_wait().expect("its state") {
            Some(status) => break (status, true),
            None if Instant::now() > until => {
                child.kill().expect("to end it");
                break (child.wait().expect("its end"), false);
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("what it printed"));
    assert!(in_time, "{:?} goes on although it was to end: {}", command.get_args(), String::from_utf8_lossy(&stderr));
    Output { status, stdout, stderr }
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).expect("to read what it prints");
        all
    })
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a command whose output goes to a file.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the server starts");
        Self { child, log: log.to_owned() }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the server answers; gives its last words if it ends instead.
    pub(crate) async fn ready(&mut self, client: &Client, url: &str) -> Result<(), String> {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return Err(format!("the server ended ({status}):\n{}", self.log()));
            }
            if client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(format!("the server does not answer at {url}:\n{}", self.log()))
    }

    /// Asks the server to end and waits for it.
    pub(crate) fn stop(self) -> ExitStatus {
        self.signal("TERM");
        self.ended_within(READY_WITHIN)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own kill: a program of this name is not on every machine.
        let id = self.child.id().to_string();
        let asked = Command::new("sh").args(["-c", "kill -s \"$1\" \"$0\"", &id, name]).status().expect("a shell");
        assert!(asked.success(), "the server is there to be told");
    }

    /// Waits for the end.
    pub(crate) fn ended_within(mut self, time: Duration) -> ExitStatus {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("the server does not stop:\n{}", self.log());
    }

    /// SIGKILL: no goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Harmless when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("--- the server's last lines\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}
