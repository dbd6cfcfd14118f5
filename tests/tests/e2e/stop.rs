//! Stopping: what is under way is finished, unless whoever stops the server does not want to wait.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::support::{TestVault, python};

/// Sends a request without the end of its body. Sends the end when told to, and prints the status.
const SLOW: &str = r#"
import socket, ssl, sys
port, token, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="demo.vault.localhost") as s:
    body = '{"value":"slow"}'.ljust(99)
    s.sendall(f"PUT /secrets/slow?api-version=7.6 HTTP/1.1\r\nhost: demo.vault.localhost:{port}\r\n"
              f"authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n".encode())
    s.sendall(body[:50].encode())
    print("sent", flush=True)
    sys.stdin.readline()
    s.sendall(body[50:].encode())
    print(s.recv(4096).decode().split("\r\n")[0], flush=True)
"#;

struct Slow {
    program: Child,
    said: BufReader<ChildStdout>,
}

impl Slow {
    /// A client whose request has arrived, and whose body has not.
    async fn begin(vault: &TestVault, token: &str) -> Self {
        let mut program = Command::new(python())
            .args(["-c", SLOW, &vault.port.to_string(), token, &vault.env["VAULT_CA"]])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(program.stdout.take().unwrap());
        let mut slow = Self { program, said };
        assert_eq!(slow.says(), "sent\n");
        // The request has to have arrived; another one that came later is answered.
        vault.get(token, "none").await.expect(404);
        slow
    }

    fn says(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // Harmless when it has ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_nothing_new_begun() {
    let mut vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    let mut slow = Slow::begin(&vault, &token).await;
    vault.signal("TERM");
    // A connection of its own, because kept ones may still be read from.
    let connect = || std::net::TcpStream::connect(("127.0.0.1", vault.port));
    for _ in 0..500 {
        if connect().is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(connect().is_err(), "nobody is let in any more");
    slow.program.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(slow.says(), "HTTP/1.1 200 OK\n");
    let status = vault.ended_within(Duration::from_secs(20)).await;
    assert!(status.success(), "everybody got an answer: {status}");
    vault.start().await.unwrap();
    assert_eq!(vault.get(&token, "slow").await.expect(200).json()["value"], "slow");
}

#[tokio::test]
async fn a_second_interrupt_does_not_wait_for_who_is_slow() {
    let mut vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    let _slow = Slow::begin(&vault, &token).await;
    vault.signal("INT");
    vault.log_says("Ctrl-C again stops now").await;
    vault.signal("INT");
    let status = vault.ended_within(Duration::from_secs(5)).await;
    assert!(!status.success(), "requests got no answer, which is told: {status}");
    assert!(vault.log().contains("stopped at once"), "{}", vault.log());
}
