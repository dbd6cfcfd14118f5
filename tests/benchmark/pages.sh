# How long the server takes for pages over a long log and a large vault; sourced by tests/bench.
# shellcheck shell=bash

# Requests of each page.
samples=60

# Signs in as the development provider's Ada; leaves the session in the cookie jar $jar.
sign_in() {
    local start address
    jar=$work/jar
    start=$(curl -sS --cacert "$VAULT_CA" -c "$jar" "$base/sign-in" | grep -o '/auth/[a-z0-9-]*/start[^"]*' | head -n 1)
    address=$(curl -sS --cacert "$VAULT_CA" -b "$jar" -c "$jar" -o /dev/null -w '%{redirect_url}' "$base${start//&amp;/&}")
    address=$(curl -sSk -o /dev/null -w '%{redirect_url}' -d "${address#*\?}&person=ada" "${address%%\?*}")
    curl -sS --cacert "$VAULT_CA" -b "$jar" -c "$jar" -o /dev/null "$address"
}

# page NAME ADDRESS: asks so often over one connection, the first time apart, and prints a row.
# The time is until the first byte of the answer, so it holds the server's and what the way there and back takes.
page() {
    local times=$work/times asked=("$base$2" -o /dev/null) _ code
    for _ in $(seq "$samples"); do asked+=("$base$2" -o /dev/null); done
    curl -sS --cacert "$VAULT_CA" -b "$jar" -w '%{http_code} %{time_pretransfer} %{time_starttransfer} %{size_download}\n' \
        "${asked[@]}" | tail -n +2 >"$times"
    code=$(cut -d ' ' -f 1 "$times" | sort -u | tr '\n' ' ')
    awk '{ print ($3 - $2) * 1000, $4 }' "$times" | sort -n | awk -v name="$1" -v code="$code" '
        { time[NR] = $1; size = $2 }
        function at(part) { place = int(NR * part + 0.999); return time[place < 1 ? 1 : place] }
        END { printf "%-44s %8.1f %8.1f %8.1f %8d  %s\n", name, at(0.5), at(0.95), time[NR], size, code }'
}

# next_page ADDRESS: where a list goes on, which nobody but the server can write.
next_page() {
    local link
    link=$(curl -sS --cacert "$VAULT_CA" -b "$jar" "$base$1" | grep -o "$1?after=[A-Za-z0-9_-]*" | head -n 1)
    echo "${link:?$1 has one page}"
}

run_pages() {
    local fill=${filler:-$PWD/target/release/examples/fill_log} token_of_app
    stop
    "$fill" "sqlite://$work/data/strongroom.db" "$records" "$recent"
    start
    token_of_app=$(token "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET")
    each fill 100 "$secrets" 64 "$address" "HOST=figures.$host" "TOKEN=$token_of_app"
    stop
    "$binary" audit verify --data "$work/data"
    start
    until_idle "$server"
    sign_in
    printf '\n%-44s %8s %8s %8s %8s\n' "page ($secrets secrets, $records records)" 'p50 ms' 'p95 ms' 'most ms' bytes
    page 'overview' /overview
    page 'vaults' /vaults
    page 'secrets' /vaults/figures/secrets
    page 'secrets, the next page' "$(next_page /vaults/figures/secrets)"
    # Names are s-0 to s-99999, in the order of their letters: one in the middle, the last, and none.
    local middle last
    middle=s-$((secrets / 2 + secrets / 20)) last=s-$((secrets - 1))
    page 'secrets, searched: in the middle' "/vaults/figures/secrets?q=$middle"
    page 'secrets, searched: the last' "/vaults/figures/secrets?q=$last"
    page 'secrets, searched: not there' '/vaults/figures/secrets?q=nothing'
    page 'secrets, of a tag not there' '/vaults/figures/secrets?tag=nothing'
    page 'secrets, that expire within 30 days' '/vaults/figures/secrets?expires=30'
    page 'secrets, by update' '/vaults/figures/secrets?sort=updated&order=desc'
    page 'secrets, by expiry' '/vaults/figures/secrets?sort=expires'
    page 'secrets, by name, the last first' '/vaults/figures/secrets?sort=name&order=desc'
    page 'secrets, by update, in the middle' "/vaults/figures/secrets?sort=updated&from=$((secrets / 2))"
    page 'secret' /vaults/figures/secrets/s-77
    page 'palette: in the middle' "/search?q=$middle&as=list"
    page 'palette: the last' "/search?q=$last&as=list"
    page 'palette: not there' '/search?q=nothing&as=list'
    page 'audit' /audit
    page 'audit, last hour' '/audit?range=1h'
    page 'audit, last day' '/audit?range=24h'
    page 'audit, last 30 days' '/audit?range=30d'
    page 'audit, denied' '/audit?outcome=denied&range=24h'
    page 'audit, of a vault' '/audit?vault=figures-1&range=24h'
    page 'audit, of a person' '/audit?principal=ada&range=24h'
    page 'audit, of nobody' '/audit?principal=nobody&range=30d'
    page 'audit, of part of many names' '/audit?principal=worker&range=24h'
    page 'audit, of an operation' '/audit?operation=SecretList&range=24h'
    page 'audit, of an operation there is none of' '/audit?operation=CertificateNearExpiry'
    page 'audit, of a reason' '/audit?reason=no-role&vault=figures-1'
    page 'audit, of a reason there is none of' '/audit?reason=nothing'
    page 'audit, from an address' '/audit?client=10.46.3.7&outcome=denied'
    page 'audit, of a kind there is none of' '/audit?kind=issuer'
    page 'audit, repeats grouped' '/audit?group=yes&range=24h'
    page 'audit, of an object' '/audit?vault=figures&object=s-77'
    page 'API: audit, denied' '/api/v1/audit?outcome=denied'
}
