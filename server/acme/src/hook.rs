//! The operator's program for dns-01: `PROGRAM present|cleanup RECORD VALUE`.
//!
//! Which program, and everything in its environment, stands in the server's configuration file and nowhere else. It gets
//! no input, no file of the server's and no secret but what the operator states, has so much time, and what it prints goes
//! to the server's log, in part and without the value.

use std::{
    io::Read,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Most bytes of what a program prints that are kept.
const MAX_PRINTED: u64 = 4096;
/// How often is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest time that one call may have.
pub(crate) const LONGEST: Duration = Duration::from_secs(40);
/// Most variables of its environment.
const MOST_VARIABLES: usize = 64;

/// What the program is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Present,
    Cleanup,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Cleanup => "cleanup",
        }
    }
}

/// What the operator says of the program.
pub struct HookSettings {
    /// The program; an absolute path.
    pub program: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// How long one call may take.
    pub limit: Duration,
}

/// Why the operator's word is not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookSettingsError {
    /// Relative, or not a file that can be run.
    #[error("the program for dns-01, {0}, is not the absolute path of a file that can be run")]
    Program(PathBuf),
    /// None, or too long.
    #[error("one call of the program for dns-01 may take from 1 to 40 seconds")]
    Limit,
    /// Not a variable.
    #[error("the environment of the program for dns-01 has at most 64 variables, with names of letters, digits and _")]
    Environment,
}

/// Why a call did not do it. Follows "the program for dns-01".
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error("could not be started")]
    NotStarted,
    #[error("did not end in time, and was stopped")]
    TooLong,
    #[error("ended with status {0}: the server's log has what it printed")]
    Failed(i32),
    #[error("was ended by a signal")]
    Killed,
}

/// The program.
pub struct DnsHook(Arc<HookSettings>);

impl DnsHook {
    /// # Errors
    /// [`HookSettingsError`].
    pub fn new(settings: HookSettings) -> Result<Self, HookSettingsError> {
        if !settings.program.is_absolute() || !can_be_run(&settings.program) {
            return Err(HookSettingsError::Program(settings.program));
        }
        if settings.limit.is_zero() || settings.limit > LONGEST {
            return Err(HookSettingsError::Limit);
        }
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with(|letter: char| letter.is_ascii_digit())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let variables = &settings.environment;
        if variables.len() > MOST_VARIABLES
            || !variables.iter().all(|(name, value)| is_name(name) && !value.contains('\0'))
        {
            return Err(HookSettingsError::Environment);
        }
        Ok(Self(Arc::new(settings)))
    }

    /// Calls it, and waits for its end on a thread of its own.
    pub(crate) async fn run(&self, verb: Verb, record: &str, value: &str) -> Result<(), HookError> {
        let (settings, record, value) = (Arc::clone(&self.0), record.to_owned(), value.to_owned());
        let called = tokio::task::spawn_blocking(move || call(&settings, verb, &record, &value));
        called.await.unwrap_or(Err(HookError::NotStarted))
    }
}

fn can_be_run(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(program).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn call(settings: &HookSettings, verb: Verb, record: &str, value: &str) -> Result<(), HookError> {
    let mut command = Command::new(&settings.program);
    command.args([verb.as_str(), record, value]).env_clear().envs(settings.environment.iter().cloned());
    // A group of its own: whatever it starts ends with it.
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| {
        tracing::error!(%error, program = %settings.program.display(), "the program for dns-01 could not be started");
        HookError::NotStarted
    })?;
    let printed = [child.stdout.take().map(aside), child.stderr.take().map(aside)];
    let ended = wait(&mut child, settings.limit);
    end_group(&child);
    let _ = child.wait();
    let printed = printed.into_iter().flatten().map(|reader| reader.join().unwrap_or_default());
    let printed = printed.map(|text| crate::trouble::plain(&text.replace(value, "***"))).collect::<Vec<_>>().join(" ");
    let outcome = match ended {
        None => Err(HookError::TooLong),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(status.code().map_or(HookError::Killed, HookError::Failed)),
    };
    let verb = verb.as_str();
    match &outcome {
        Ok(()) => tracing::info!(verb, record, printed, "called the program for dns-01"),
        Err(error) => tracing::error!(verb, record, printed, "the program for dns-01 {error}"),
    }
    outcome
}

/// Its end, if it comes in time.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            _ => return None,
        }
    }
}

/// Ends what is left of its group. A reader of its pipes would otherwise wait for whatever it left running.
fn end_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Reads what it prints: the beginning is kept, and the rest taken from it too, so that it does not wait.
fn aside(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let _ = pipe.by_ref().take(MAX_PRINTED).read_to_end(&mut kept);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn hook(folder: &Path, script: &str, limit: Duration) -> DnsHook {
        let program = folder.join("hook");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let environment = vec![("STATED".to_owned(), "this".to_owned())];
        DnsHook::new(HookSettings { program, environment, limit }).unwrap()
    }

    #[tokio::test]
    async fn it_gets_its_arguments_and_the_stated_environment_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!("{{ echo \"$1 $2 $3\"; /usr/bin/env; pwd; cat; }} > {}", out.display());
        let hook = hook(folder.path(), &script, Duration::from_secs(10));
        hook.run(Verb::Present, "_acme-challenge.a.example", "value").await.unwrap();
        let seen = std::fs::read_to_string(&out).unwrap();
        let lines: Vec<&str> =
            seen.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
        // The shell makes these of its own.
        let own = |line: &&str| !line.starts_with("SHLVL=") && !line.starts_with("OLDPWD=");
        let lines: Vec<&str> = lines.into_iter().filter(own).collect();
        assert_eq!(lines, ["present _acme-challenge.a.example value", "STATED=this", "/"]);
    }

    #[tokio::test]
    async fn it_ends_in_time_with_all_that_it_started_and_its_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let slow = hook(folder.path(), "sleep 600 & sleep 600", Duration::from_millis(200));
        let begun = Instant::now();
        assert!(matches!(slow.run(Verb::Cleanup, "r", "v").await, Err(HookError::TooLong)));
        assert!(begun.elapsed() < Duration::from_secs(30));
        let failing = hook(folder.path(), "head -c 100000 /dev/zero; exit 3", Duration::from_secs(10));
        assert!(matches!(failing.run(Verb::Present, "r", "v").await, Err(HookError::Failed(3))));
    }

    #[test]
    fn only_a_program_by_its_absolute_path_is_taken() {
        let settings = |program: &str, name: &str| HookSettings {
            program: program.into(),
            environment: vec![(name.to_owned(), String::new())],
            limit: Duration::from_secs(1),
        };
        assert!(DnsHook::new(settings("/bin/sh", "A")).is_ok());
        for (program, name) in
            [("sh", "A"), ("/etc/passwd", "A"), ("/nowhere", "A"), ("/bin/sh", "A B"), ("/bin/sh", "1")]
        {
            assert!(DnsHook::new(settings(program, name)).is_err(), "{program} {name}");
        }
    }
}
