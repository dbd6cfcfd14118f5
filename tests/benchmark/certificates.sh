# Certificates that sign themselves, and those of an authority in the vault, beside what openssl signs on the same core;
# sourced by tests/bench for --certificates. Server and openssl have the first core to themselves, one after the other; wrk
# and everything else have the rest.
# shellcheck shell=bash

# Starts the server anew on the first core.
on_first_core() {
    local cores
    cores=$(nproc)
    stop
    taskset -cp 0 $$ >/dev/null
    start
    if [ "$cores" -gt 1 ]; then taskset -cp "1-$((cores - 1))" $$ >/dev/null; fi
    app=$(token "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET")
    until_idle "$server"
}

# Certificates a second that openssl signs of one request with one key, a process for each, now.
openssl_x509() {
    local made=0 until
    until=$(($(date +%s%N) + seconds * 1000000000))
    while [ "$(date +%s%N)" -lt "$until" ]; do
        taskset -c 0 openssl x509 -req -in "$work/x509.csr" -signkey "$work/x509.key" -sha256 -days 90 -out /dev/null 2>/dev/null
        made=$((made + 1))
    done
    awk -v n="$made" -v s="$seconds" 'BEGIN { printf "%.0f", n / s }'
}

# Signatures a second of one process that does nothing else, now.
openssl_signs() {
    taskset -c 0 openssl speed -seconds "$seconds" ecdsap256 2>/dev/null | awk 'END { printf "%.0f", $(NF - 1) }'
}

# An authority of openssl's, with as many requests as it is told.
openssl_authority() {
    local folder=$work/ca
    mkdir -p "$folder/new"
    : >"$folder/index"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=figures root' -days 3650 \
        -keyout "$folder/root.key" -out "$folder/root.pem" 2>/dev/null
    printf '%s\n' '[ca]' 'default_ca = figures' '[figures]' "database = $folder/index" "new_certs_dir = $folder/new" \
        "certificate = $folder/root.pem" "private_key = $folder/root.key" 'rand_serial = yes' 'default_md = sha256' \
        'default_days = 90' 'unique_subject = no' 'policy = any' 'x509_extensions = leaf' '[any]' 'commonName = optional' \
        '[leaf]' 'basicConstraints = critical, CA:FALSE' >"$folder/conf"
}

# Certificates a second that one process of it signs of so many requests, now: what each costs without the start of a
# process, and with its row in the index and its file.
openssl_ca() {
    local requests=() begun _
    for _ in $(seq "$1"); do requests+=("$work/x509.csr"); done
    begun=$(date +%s%N)
    taskset -c 0 openssl ca -batch -notext -config "$work/ca/conf" -infiles "${requests[@]}" >/dev/null 2>&1
    awk -v n="$1" -v t=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.0f", n * 1000000000 / t }'
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
    local many=$1 body=$2 root begun before cost
    root='{"policy":{"issuer":{"name":"Self"},"key_props":{"kty":"EC","crv":"P-256","exportable":false,"reuse_key":false},'
    root+='"x509_props":{"subject":"CN=figures root","ekus":[],"key_usage":["keyCertSign","cRLSign"],"validity_months":120,'
    root+='"basic_constraints":{"ca":true}}}}'
    api POST certificates/root/create "$root" >/dev/null
    # The operator of the figures holds what is needed to sign with it.
    api PUT certificates/issuers/inside '{"provider":"Strongroom-CA","settings":{"kind":"authority","certificate":"root"}}' >/dev/null
    begun=$(date +%s%N) before=$(cpu "$server")
    each order 0 "$many" 16 "$address" "HOST=figures.$host" "TOKEN=$app" "BODY=$body"
    until [ "$(completed "$many")" = "$many" ]; do sleep 0.2; done
    rate=$(awk -v n="$many" -v t=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.0f", n * 1000000000 / t }')
    cost=$(awk -v c=$(($(cpu "$server") - before)) -v n="$many" 'BEGIN { printf "%.1f", c / n }')
    printf '%-34s %5s %9s %9s %9s %14s\n' 'P-256 certificate by an authority' 16 "$rate" - - "$cost"
}

# beside NAME BEFORE AFTER RATES...: what part of openssl's rate each is, a number of connections and a rate in turn.
beside() {
    awk -v name="$1" -v b="$2" -v a="$3" -v rates="${*:4}" 'BEGIN {
        s = (b + a) / 2
        printf "%40s %s: %.0f/s before, %.0f after; of their mean", "", name, b, a
        n = split(rates, r, " ")
        for (i = 1; i < n; i += 2) printf "%s %.0f %% at %s", (i == 1 ? "" : ","), 100 * r[i + 1] / s, r[i]
        print ""
    }'
}

run_certificates() {
    local body connections rates=() x509=() signs=() ca=()
    body='{"policy":{"issuer":{"name":"Self"},"key_props":{"kty":"EC","crv":"P-256","exportable":true,"reuse_key":false},'
    body+='"secret_props":{"contentType":"application/x-pem-file"},"x509_props":{"subject":"CN=figures.example",'
    body+='"sans":{"dns_names":["figures.example"]},"validity_months":3}}}'
    on_first_core
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=figures.example -keyout "$work/x509.key" \
        -out "$work/x509.csr" 2>/dev/null
    openssl_authority
    header
    x509+=("$(openssl_x509)") signs+=("$(openssl_signs)") ca+=("$(openssl_ca 500)")
    for connections in 1 16 64; do
        measure 'P-256 certificate by Self' "$server" "$connections" "$address" KIND=certificate "BODY=$body" \
            "HOST=figures.$host" "TOKEN=$app"
        rates+=("$connections" "$rate")
    done
    by_authority 500 "${body/\"Self\"/\"inside\"}"
    rates+=(authority "$rate")
    x509+=("$(openssl_x509)") signs+=("$(openssl_signs)") ca+=("$(openssl_ca 500)")
    beside 'openssl x509, a process each' "${x509[@]}" "${rates[@]}"
    beside 'openssl ca, 500 in one process' "${ca[@]}" "${rates[@]}"
    beside 'openssl speed, signatures alone' "${signs[@]}" "${rates[@]}"
    printf '%40s a new key, three rows sealed and a record each, over HTTPS; openssl has its key and seals nothing\n' ''
}
