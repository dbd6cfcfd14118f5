#!/bin/sh
# Builds policy modules to WebAssembly components.
#
#   build.sh                 builds every module that ships and checks the results in place
#   build.sh NAME...         builds these
#   build.sh --check         builds every module into a temporary folder and runs the golden cases
#                            against the rebuilt and the shipped bytes; writes nothing in the tree
#   build.sh --to DIR [NAME...]   builds into DIR instead
#
# It takes plain cargo when the toolchain at hand has the wasm32-unknown-unknown target, otherwise
# Debian's compiler with its library source (packages rustc-web, cargo-web, rust-web-src).
# Verdicts are compared and not bytes: bytes depend on the compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

target=wasm32-unknown-unknown
shipped="certificate-names enforce-expiry naming-convention network-zone office-hours rate-guard require-mfa two-person"
target_dir=${CARGO_TARGET_DIR:-$here/target}/wasm
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# 64 KiB of stack, half a mebibyte of memory from the start (growing is dear). Of the modules alone, so that
# what they are built of is compiled once, for `strongroom policy build` as well.
link="-Clink-arg=-zstack-size=65536 -Clink-arg=--initial-memory=524288"
# No folder of this machine in the result.
flags="--remap-path-prefix=$cargo_home=/cargo"
# The folder of a package source is named after its host, which is nobody's business either.
for folder in "$cargo_home"/registry/src/*/; do
    flags="$flags --remap-path-prefix=${folder%/}=/crates"
done

sysroot=$(rustc --print sysroot)
tools=$sysroot/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
[ -x "$tools/wasm-component-ld" ] || {
    echo "wasm-component-ld is not in $tools: it comes with every rustup toolchain" >&2
    exit 1
}

# Compiles one module and puts the component at $2.
build() {
    if [ -d "$(rustc --print target-libdir --target "$target")" ]; then
        compiler=rustc cargo=cargo std=
        library=$sysroot/lib/rustlib/src/rust
    elif [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
        compiler=/usr/bin/rustc cargo=/usr/bin/cargo std="-Zbuild-std=std,panic_abort"
        library=$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust
    else
        echo "no compiler for $target: 'rustup target add $target', or on Debian" >&2
        echo "'apt-get install --no-install-recommends rustc-web cargo-web rust-web-src'" >&2
        exit 1
    fi
    # One package per call: features of several would be unified.
    # shellcheck disable=SC2086
    PATH=$tools/gcc-ld:$PATH RUSTC=$compiler RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="$flags --remap-path-prefix=$library=/rust" \
        $cargo rustc --lib --quiet --locked --release $std --target "$target" --target-dir "$target_dir" -p "$1" \
        -- "-Clinker=$tools/wasm-component-ld" $link
    cp "$target_dir/$target/release/$(echo "$1" | tr - _).wasm" "$2"
    for folder in "$here" "$cargo_home" "$library"; do
        if grep -aqF "$folder" "$2"; then
            echo "$2 names the folder $folder" >&2
            exit 1
        fi
    done
}

# Lists everything a module is made of, and the module, in the form of sha256sum. The server's
# tests compute the same list and fail when it is out of date.
sources() {
    # shellcheck disable=SC2046
    sha256sum $(
        {
            echo Cargo.lock
            echo Cargo.toml
            echo build.sh
            find sdk/Cargo.toml sdk/src wit "$1/Cargo.toml" "$1/src" -type f
            find "$1" -maxdepth 1 -name '*.schema.json'
        } | LC_ALL=C sort
    ) "$1/$1.wasm"
}

case ${1:-} in
--check)
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    for name in $shipped; do build "$name" "$out/$name.wasm"; done
    STRONGROOM_REBUILT_POLICIES=$out \
        cargo test --quiet --manifest-path ../Cargo.toml -p strongroom-policy-host --test policies golden
    ;;
--to)
    out=$2
    shift 2
    mkdir -p "$out"
    for name in ${*:-$shipped}; do build "$name" "$out/$name.wasm"; done
    ;;
-*)
    sed -n '2,13s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
*)
    for name in ${*:-$shipped}; do
        build "$name" "$name/$name.wasm"
        sources "$name" >"$name/$name.wasm.sources"
        echo "$name/$name.wasm $(wc -c <"$name/$name.wasm") bytes"
    done
    ;;
esac
