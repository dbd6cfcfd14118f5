//! Who may open a database, and what the others are told.

use std::sync::{Arc, Mutex};

use strongroom_domain::ports::AuditLog;
use strongroom_store::{OpenError, Store, verify::verify_chain};

use crate::support::{Place, note, on_both, options};

on_both!(a_newer_schema_is_refused, opening_again_changes_nothing);

/// One line, for the person who started the program.
fn told(error: &OpenError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

async fn refused(url: &str) -> OpenError {
    Store::open(url, options()).await.err().unwrap()
}

async fn a_newer_schema_is_refused(place: Place) {
    drop(place.open().await);
    place.tamper(&["INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)"]).await;
    for error in [refused(&place.url).await, Store::open_read_only(&place.url).await.err().unwrap()] {
        assert!(matches!(&error, OpenError::NewerSchema { database, program }
            if database == "m9999_future" && program.starts_with("m0")));
        assert!(told(&error).contains("m9999_future"));
    }
    place.tamper(&["DELETE FROM seaql_migrations WHERE version = 'm9999_future'"]).await;
    place.open().await;
}

async fn opening_again_changes_nothing(place: Place) {
    let s = place.start().await;
    let head = s.store.chain_head().await.unwrap();
    s.store.close().await.unwrap();
    for _ in 0..2 {
        assert!(s.store.append(vec![note("late")]).await.is_err());
    }
    drop(s);
    let again = place.open().await;
    assert_eq!(again.chain_head().await.unwrap(), head);
    assert!(again.installation().await.unwrap().unwrap().development);
}

#[tokio::test]
async fn a_database_file_has_one_owner() {
    let place = Place::sqlite();
    let store = place.open().await;
    let error = refused(&place.url).await;
    assert!(matches!(error, OpenError::AlreadyInUse(_)));
    assert!(told(&error).contains("in use by another process"));
    let path = place.url.strip_prefix("sqlite://").unwrap();
    let other = format!("{path}.other");
    std::os::unix::fs::symlink(path, &other).unwrap();
    assert!(matches!(refused(&format!("sqlite://{other}")).await, OpenError::AlreadyInUse(_)), "by another name");
    drop(store);
    place.open().await;
}

#[tokio::test]
async fn files_are_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::sqlite();
    let s = place.start().await;
    s.put(note("x")).await;
    let path = place.url.strip_prefix("sqlite://").unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mode = std::fs::metadata(format!("{path}{suffix}")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}/no/such/folder/db", folder.path().display());
    let error = refused(&missing).await;
    assert!(matches!(error, OpenError::Unwritable { .. }));
    assert!(told(&error).contains("cannot be written"));
    assert!(matches!(Store::open_read_only(&missing).await.err().unwrap(), OpenError::Missing(_)));

    let text = folder.path().join("text");
    std::fs::write(&text, "this is not a database, it is a text of some length".repeat(100)).unwrap();
    let error = refused(&format!("sqlite://{}", text.display())).await;
    assert!(matches!(error, OpenError::Unusable(_)), "{error}");
    told(&error);

    let error = refused("postgres://somebody:geheim@127.0.0.1:1/db").await;
    assert!(matches!(error, OpenError::Unreachable { .. }));
    let line = told(&error);
    assert!(line.contains("127.0.0.1:1 cannot be reached") && !line.contains("geheim"), "{line}");

    for url in ["sqlite::memory:", "sqlite://x?mode=memory", "mysql://u:geheim@h/db", ""] {
        let error = refused(url).await;
        assert!(matches!(error, OpenError::Address(_)), "{url}");
        assert!(!told(&error).contains("geheim"));
    }
}

#[tokio::test]
async fn a_running_database_and_a_copy_can_be_verified() {
    let place = Place::sqlite();
    let s = place.start().await;
    s.put(note("x")).await;
    let reader = Store::open_read_only(&place.url).await.unwrap();
    assert_eq!(reader.installation().await.unwrap().unwrap().id.0, s.installation);
    assert!(verify_chain(&reader, &[], &[]).await.unwrap().is_intact());
    s.put(note("still writing")).await;
    assert_eq!(verify_chain(&reader, &[], &[]).await.unwrap().nodes[0].records, 3);

    let empty = Place::sqlite();
    std::fs::write(empty.url.strip_prefix("sqlite://").unwrap(), "").unwrap();
    assert!(matches!(Store::open_read_only(&empty.url).await.err().unwrap(), OpenError::OlderSchema));
}

/// What is logged goes here.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whoever may connect can take the locks of the nodes; the log says so, and how to end it.
#[tokio::test]
async fn that_everybody_may_connect_is_told_at_start() {
    let Some(place) = Place::postgres().await else { return };
    let start = async || {
        let lines = Lines::default();
        let written = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
        let _log = tracing::subscriber::set_default(log);
        drop(place.open().await);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    };
    let log = start().await;
    let (_, statements) = log.split_once("say there ").unwrap();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(statements.contains("; REVOKE CONNECT ON DATABASE strongroom_test_"), "{log}");
    let statements: Vec<&str> = statements.trim().split_inclusive(';').collect();
    assert_eq!(statements.len(), 2, "{log}");
    place.tamper(&statements).await;
    assert_eq!(start().await, "", "and it still opens");

    // One that was let in by name is told by it; one that may not log in, or in whom the right only lies, is nobody.
    let (_, database) = place.url.rsplit_once('/').unwrap();
    let database = database.split('?').next().unwrap();
    let role = format!("{database}_guest");
    place
        .tamper(&[&format!("CREATE ROLE {role} LOGIN"), &format!("GRANT CONNECT ON DATABASE {database} TO {role}")])
        .await;
    let log = start().await;
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains(&format!("REVOKE CONNECT ON DATABASE {database} FROM {role};")), "{log}");
    place.tamper(&[&format!("REVOKE CONNECT ON DATABASE {database} FROM {role}"), &format!("DROP ROLE {role}")]).await;
    assert_eq!(start().await, "");
}
