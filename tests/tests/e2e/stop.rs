//! Stopping: what is under way is finished, unless whoever stops the server does not want to wait.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{TestVault, python};

/// Sends a request's head and no body, and stays.
const SLOW: &str = r#"
import socket, ssl, sys, time
port, token = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=sys.argv[3])
with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="demo.vault.localhost") as s:
    s.sendall(f"PUT /secrets/slow?api-version=7.6 HTTP/1.1\r\nhost: demo.vault.localhost:{port}\r\n"
              f"authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n".encode())
    print("sent", flush=True)
    time.sleep(60)
"#;

#[tokio::test]
async fn a_second_interrupt_does_not_wait_for_who_is_slow() {
    let mut vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    let mut slow = Command::new(python())
        .args(["-c", SLOW, &vault.port.to_string(), &token, &vault.env["VAULT_CA"]])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(slow.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "sent\n");
    // The request has to have arrived; another one that came later is answered.
    vault.get(&token, "none").await.expect(404);
    vault.signal("INT");
    vault.log_says("Ctrl-C again stops now").await;
    vault.signal("INT");
    let status = vault.ended_within(Duration::from_secs(5)).await;
    assert!(!status.success(), "requests got no answer, which is told: {status}");
    assert!(vault.log().contains("stopped at once"), "{}", vault.log());
    slow.kill().unwrap();
    slow.wait().unwrap();
}
