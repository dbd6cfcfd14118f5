# Certificates that sign themselves, and those of an authority in the vault, beside `openssl x509` on the same cores; sourced
# by tests/bench for --certificates.
# shellcheck shell=bash

# Certificates a second that openssl signs of one request with one key, a process for each, on all cores, now.
openssl_x509() {
    local made
    for _ in $(seq "$(nproc)"); do
        (
            made=0 until=$(($(date +%s%N) + seconds * 1000000000))
            while [ "$(date +%s%N)" -lt "$until" ]; do
                openssl x509 -req -in "$work/x509.csr" -signkey "$work/x509.key" -sha256 -days 90 -out /dev/null 2>/dev/null
                made=$((made + 1))
            done
            echo "$made"
        ) &
        running+=("$!")
    done >"$work/x509.made"
    wait "${running[@]}"
    running=()
    awk -v s="$seconds" '{ made += $1 } END { printf "%.0f", made / s }' "$work/x509.made"
}

# api METHOD PATH [BODY]: asks the vault of the figures.
api() {
    curl -sS --fail-with-body -k -X "$1" -H "Host: figures.$host" -H "Authorization: Bearer $app" -H 'Content-Type: application/json' \
        ${3:+-d "$3"} "$address$2?api-version=7.6"
}

# How many of so many orders have their certificate.
completed() {
    api GET "certificates/order-[0-$(($1 - 1))]/pending" | grep -o '"status":"completed"' | wc -l
}

# Orders so many certificates of an authority in the vault at once, and waits for the last: the node finishes them by
# itself, one after the other, after it has answered. Leaves how many a second in $rate.
by_authority() {
    local many=$1 body=$2 root begun
    root='{"policy":{"issuer":{"name":"Self"},"key_props":{"kty":"EC","crv":"P-256","exportable":false,"reuse_key":false},'
    root+='"x509_props":{"subject":"CN=figures root","ekus":[],"key_usage":["keyCertSign","cRLSign"],"validity_months":120,'
    root+='"basic_constraints":{"ca":true}}}}'
    api POST certificates/root/create "$root" >/dev/null
    # The operator of the figures holds what is needed to sign with it.
    api PUT certificates/issuers/inside '{"provider":"Strongroom-CA","settings":{"kind":"authority","certificate":"root"}}' >/dev/null
    begun=$(date +%s%N)
    each order 0 "$many" 16 "$address" "HOST=figures.$host" "TOKEN=$app" "BODY=$body"
    until [ "$(completed "$many")" = "$many" ]; do sleep 0.2; done
    rate=$(awk -v n="$many" -v t=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.0f", n * 1000000000 / t }')
    printf '%-34s %5s %9s\n' 'P-256 certificate by an authority' 16 "$rate"
}

run_certificates() {
    local body connections before after running=() rates=()
    body='{"policy":{"issuer":{"name":"Self"},"key_props":{"kty":"EC","crv":"P-256","exportable":true,"reuse_key":false},'
    body+='"secret_props":{"contentType":"application/x-pem-file"},"x509_props":{"subject":"CN=figures.example",'
    body+='"sans":{"dns_names":["figures.example"]},"validity_months":3}}}'
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=figures.example -keyout "$work/x509.key" \
        -out "$work/x509.csr" 2>/dev/null
    header
    before=$(openssl_x509)
    for connections in 1 16 64; do
        measure 'P-256 certificate by Self' "$server" "$connections" "$address" KIND=certificate "BODY=$body" \
            "HOST=figures.$host" "TOKEN=$app"
        rates+=("$connections" "$rate")
    done
    by_authority 500 "${body/\"Self\"/\"inside\"}"
    after=$(openssl_x509)
    awk -v b="$before" -v a="$after" -v rates="${rates[*]}" 'BEGIN {
        s = (b + a) / 2
        printf "%40s openssl x509: %.0f/s before, %.0f after; of their mean", "", b, a
        n = split(rates, r, " ")
        for (i = 1; i < n; i += 2) printf "%s %.0f %% at %d", (i == 1 ? "" : ","), 100 * r[i + 1] / s, r[i]
        print " connections"
    }'
    awk -v b="$before" -v a="$after" -v r="$rate" 'BEGIN { printf "%40s by the authority %.0f %%\n", "", 200 * r / (b + a) }'
    printf '%40s a new key, three rows sealed and a record each; openssl has its key, and starts a process for each\n' ''
}
