# Measuring with wrk; sourced by tests/bench. Everything is by CPU time of one process, from /proc.
# shellcheck shell=bash

lua=$(dirname "${BASH_SOURCE[0]}")/load.lua

# User and system time of a process so far, in microseconds.
cpu() { awk -v hertz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000000 / hertz) }' "/proc/$1/stat"; }
memory() { awk '/VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }

# Waits until a process has nothing to do of its own: checks of the log after a start, compactions.
until_idle() {
    local before after quiet=0
    while [ "$quiet" -lt 2 ]; do
        before=$(cpu "$1")
        sleep 1
        after=$(cpu "$1")
        if [ $((after - before)) -lt 40000 ]; then quiet=$((quiet + 1)); else quiet=0; fi
    done
}

# header: names the columns of `measure`.
header() {
    printf '%-34s %5s %9s %9s %9s %14s %8s %8s\n' request conns rate/s 'p50 µs' 'p99 µs' 'CPU µs/request' 'x page' 'RSS MiB'
}

# measure NAME PROCESS CONNECTIONS URL [VARIABLE=VALUE...]: prints one row; what load.lua reads is in the variables.
# Leaves CPU per request and rate in $per_request and $rate, and stops the run when an answer was no success.
measure() {
    local name=$1 process=$2 connections=$3 url=$4 threads before after result requests duration p50 p99 bad ratio
    shift 4
    threads=$((connections < 2 ? 1 : 2))
    local load=(env "THREADS=$threads" "$@" wrk -t "$threads" -c "$connections" -s "$lua")
    "${load[@]}" -d 1s "$url" >/dev/null
    before=$(cpu "$process")
    result=$("${load[@]}" -d "${seconds}s" "$url" | sed -n 's/^RESULT //p')
    after=$(cpu "$process")
    read -r requests duration p50 p99 bad <<<"$result"
    if [ "$bad" != 0 ]; then
        echo "$name at $connections connections: $bad answers were no success" >&2
        exit 1
    fi
    per_request=$(awk -v c=$((after - before)) -v n="$requests" 'BEGIN { printf "%.1f", c / n }')
    rate=$(awk -v n="$requests" -v d="$duration" 'BEGIN { printf "%.0f", n * 1000000 / d }')
    ratio=-
    if [ -n "${page_cpu[$connections]:-}" ]; then
        ratio=$(awk -v a="$per_request" -v b="${page_cpu[$connections]}" 'BEGIN { printf "%.1f", a / b }')
    fi
    printf '%-34s %5s %9s %9s %9s %14s %8s %8s\n' \
        "$name" "$connections" "$rate" "$p50" "$p99" "$per_request" "$ratio" "$(memory "$process")"
}

# each KIND FROM TO CONNECTIONS URL [VARIABLE=VALUE...]: sends every number from FROM to before TO once; prints the rate.
each() {
    local kind=$1 from=$2 to=$3 connections=$4 url=$5 requests duration p50 p99 bad load told=$work/each
    shift 5
    rm -f "$told.done"
    env "KIND=$kind" "FROM=$from" "TO=$to" THREADS=2 "DONE=$told.done" "$@" \
        wrk -t 2 -c "$connections" -d 4h --timeout 30s -s "$lua" "$url" >"$told" &
    load=$!
    until [ "$(stat -c %s "$told.done" 2>/dev/null)" = 2 ]; do
        if ! kill -0 "$load" 2>/dev/null; then
            cat "$told" >&2
            exit 1
        fi
        sleep 0.05
    done
    kill -INT "$load"
    wait "$load" || true
    read -r requests duration p50 p99 bad <<<"$(sed -n 's/^RESULT //p' "$told")"
    if [ "$bad" != 0 ]; then
        echo "$kind: $bad of $requests answers were no success" >&2
        exit 1
    fi
    awk -v k="$kind" -v n=$((to - from)) -v d="$duration" -v r="$requests" \
        'BEGIN { printf "%s: %d in %.0f s, %.0f/s\n", k, n, d / 1000000, r * 1000000 / d }'
}
