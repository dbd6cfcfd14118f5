# Operations of keys beside `openssl speed` of the same on the same cores; sourced by tests/bench for --keys.
# shellcheck shell=bash

# Private operations a second of openssl on all cores, now: machines are faster in one minute than in the next.
openssl_speed() {
    # With several processes the last line is of all of them together: seconds for one, then operations a second.
    openssl speed -multi "$(nproc)" -seconds "$seconds" "$1" 2>/dev/null | awk 'END { print $(NF - 1) }'
}

# ask METHOD PATH BODY: what the vault of the figures answers; an error ends the run.
ask() {
    curl -sS --fail-with-body -k -X "$1" -H "Host: figures.$host" -H "Authorization: Bearer $app" \
        -H 'Content-Type: application/json' -d "$3" "${address%/}$2?api-version=7.6"
}

# of_openssl NAME OPENSSL TARGET BODY: rows of one operation, and what part of openssl's rate each is, which is taken
# before and after them. Leaves that in $openssl.
of_openssl() {
    local name=$1 connections before after rates=()
    before=$(openssl_speed "$2")
    for connections in 1 16 64; do
        measure "$name" "$server" "$connections" "$address" KIND=peer METHOD=POST "TARGET=$3?api-version=7.6" "BODY=$4" \
            "HOST=figures.$host" "TOKEN=$app"
        rates+=("$connections" "$rate")
    done
    after=$(openssl_speed "$2")
    openssl=$(awk -v b="$before" -v a="$after" 'BEGIN { print (b + a) / 2 }')
    awk -v b="$before" -v a="$after" -v s="$openssl" -v name="$2" -v rates="${rates[*]}" 'BEGIN {
        printf "%40s openssl speed %s: %.0f/s before, %.0f after; of their mean", "", name, b, a
        n = split(rates, r, " ")
        for (i = 1; i < n; i += 2) printf "%s %.0f %% at %d", (i == 1 ? "" : ","), 100 * r[i + 1] / s, r[i]
        print " connections"
    }'
}

run_keys() {
    local digest size wrapped connections openssl=''
    digest=$(printf '%s' figures | openssl dgst -sha256 -binary | basenc --base64url | tr -d '=')
    for size in 2048 3072 4096; do
        ask POST "/keys/rsa-$size/create" "{\"kty\":\"RSA\",\"key_size\":$size}" >/dev/null
    done
    ask POST /keys/p-256/create '{"kty":"EC","crv":"P-256"}' >/dev/null
    wrapped=$(ask POST /keys/rsa-2048//wrapkey "{\"alg\":\"RSA-OAEP-256\",\"value\":\"$digest\"}" |
        sed 's/.*"value":"\([^"]*\)".*/\1/')
    header
    for connections in 1 16 64; do
        measure 'get without modules' "$server" "$connections" "$address" KIND=get RANGE=100 "HOST=figures.$host" "TOKEN=$app"
    done
    local get=$rate
    for size in 2048 3072 4096; do
        of_openssl "RS256 by RSA-$size" "rsa$size" "/keys/rsa-$size//sign" "{\"alg\":\"RS256\",\"value\":\"$digest\"}"
    done
    of_openssl 'unwrap by RSA-OAEP-256, 2048' rsa2048 /keys/rsa-2048//unwrapkey \
        "{\"alg\":\"RSA-OAEP-256\",\"value\":\"$wrapped\"}"
    of_openssl 'ES256 by P-256' ecdsap256 /keys/p-256//sign "{\"alg\":\"ES256\",\"value\":\"$digest\"}"
    awk -v g="$get" -v s="$openssl" -v r="$rate" 'BEGIN {
        aim = 1 / (1 / g + 1 / s)
        printf "ES256 at 64 connections: %d/s; a get less the signature would be %d/s\n", r, aim
    }'
}
