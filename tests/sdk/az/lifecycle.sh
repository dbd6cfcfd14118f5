#!/usr/bin/env bash
# `az`, unmodified, through the life of a secret, a key and a certificate: told where this cloud is, signed in, and used.
#
# lifecycle.sh secret|federated AZ, where AZ is the command.
set -euo pipefail

sign_in=$1
az() { "$program" "$@"; }
program=$2
base=${AZURE_AUTHORITY_HOST%/}
AZURE_CONFIG_DIR=$(mktemp -d)
trap 'rm -rf "$AZURE_CONFIG_DIR"' EXIT
# Otherwise Microsoft is asked whether this authority may be trusted.
export AZURE_CONFIG_DIR AZURE_CORE_INSTANCE_DISCOVERY=false AZURE_CORE_COLLECT_TELEMETRY=false
export AZURE_CORE_ONLY_SHOW_ERRORS=true

expect() {
    if [ "$2" != "$3" ]; then
        printf '%s: expected "%s", found "%s"\n' "$1" "$3" "$2" >&2
        exit 1
    fi
}

az cloud register -n strongroom --endpoint-resource-manager "$base"
az cloud set -n strongroom
expect 'authority' "$(az cloud show --query endpoints.activeDirectory -o tsv)" "$base"
expect 'suffix' "$(az cloud show --query suffixes.keyvaultDns -o tsv)" ".${base#https://}"

case $sign_in in
secret) proof=(-p "$AZURE_CLIENT_SECRET") ;;
federated) proof=(--federated-token "$(cat "$AZURE_FEDERATED_TOKEN_FILE")") ;;
esac
az login --service-principal -u "$AZURE_CLIENT_ID" "${proof[@]}" --tenant "$AZURE_TENANT_ID" -o none
expect 'accounts' "$(az account list --query '[].state' -o tsv)" 'Enabled'

secret() { az keyvault secret "$1" --vault-name demo "${@:2}"; }
secret set --name from-az --value 'first value' --tags kind=test -o none
first=$(secret show --name from-az --query id -o tsv)
secret set --name from-az --value 'second value' --content-type text/plain -o none
expect 'current version' "$(secret show --name from-az --query value -o tsv)" 'second value'
expect 'first version' "$(az keyvault secret show --id "$first" --query value -o tsv)" 'first value'
expect 'versions' "$(secret list-versions --name from-az --query 'length(@)' -o tsv)" '2'
expect 'list' "$(secret list --query "[?name=='from-az'].contentType" -o tsv)" 'text/plain'
secret set-attributes --name from-az --enabled false -o none
if secret show --name from-az -o none 2>"$AZURE_CONFIG_DIR/refused"; then
    echo 'a disabled secret was shown' >&2
    exit 1
fi
grep -q 'SecretDisabled\|disabled' "$AZURE_CONFIG_DIR/refused"
secret set-attributes --name from-az --enabled true -o none
secret backup --name from-az --file "$AZURE_CONFIG_DIR/backup" -o none
secret delete --name from-az -o none
expect 'deleted' "$(secret list-deleted --query '[].name' -o tsv)" 'from-az'
secret recover --name from-az -o none
expect 'recovered' "$(secret show --name from-az --query value -o tsv)" 'second value'
secret delete --name from-az -o none
secret purge --name from-az -o none
secret restore --file "$AZURE_CONFIG_DIR/backup" -o none
expect 'restored' "$(secret show --name from-az --query value -o tsv)" 'second value'
secret delete --name from-az -o none
secret purge --name from-az -o none

# Keys and certificates know nothing of how somebody signed in, so once is enough.
if [ "$sign_in" = secret ]; then
    key() { az keyvault key "$1" --vault-name demo "${@:2}"; }
    key create --name from-az --kty EC --curve P-256 --ops sign verify -o none
    expect 'key' "$(key show --name from-az --query key.kty -o tsv)" 'EC'
    expect 'keys' "$(key list --query "[?name=='from-az'] | length(@)" -o tsv)" '1'
    digest=$(printf 'signed by az' | "$(dirname "$program")/python" -c 'import base64, hashlib, sys; print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())')
    signature=$(key sign --name from-az --algorithm ES256 --digest "$digest" --query signature -o tsv)
    expect 'signature' "$(key verify --name from-az --algorithm ES256 --digest "$digest" --signature "$signature" --query isValid -o tsv)" 'true'
    key rotate --name from-az -o none
    expect 'key versions' "$(key list-versions --name from-az --query 'length(@)' -o tsv)" '2'
    key backup --name from-az --file "$AZURE_CONFIG_DIR/key" -o none
    key set-attributes --name from-az --enabled false -o none
    if key sign --name from-az --algorithm ES256 --digest "$digest" -o none 2>"$AZURE_CONFIG_DIR/refused"; then
        echo 'a disabled key signed' >&2
        exit 1
    fi
    grep -q 'KeyDisabled\|disabled' "$AZURE_CONFIG_DIR/refused"
    key download --name from-az --file "$AZURE_CONFIG_DIR/public.pem"
    grep -q 'BEGIN PUBLIC KEY' "$AZURE_CONFIG_DIR/public.pem"
    key delete --name from-az -o none
    key purge --name from-az -o none

    certificate() { az keyvault certificate "$1" --vault-name demo "${@:2}"; }
    cat >"$AZURE_CONFIG_DIR/policy.json" <<'POLICY'
{"issuerParameters": {"name": "Self"},
 "keyProperties": {"keyType": "EC", "curve": "P-256", "exportable": true, "reuseKey": false},
 "secretProperties": {"contentType": "application/x-pem-file"},
 "x509CertificateProperties": {"subject": "CN=az.example.com", "validityInMonths": 12}}
POLICY
    certificate create --name from-az --policy "@$AZURE_CONFIG_DIR/policy.json" -o none
    thumbprint=$(certificate show --name from-az --query x509ThumbprintHex -o tsv)
    expect 'certificates' "$(certificate list --query "[?name=='from-az'].x509ThumbprintHex" -o tsv)" "$thumbprint"
    certificate set-attributes --name from-az --tags kind=test -o none
    expect 'certificate versions' "$(certificate list-versions --name from-az --query '[].tags.kind' -o tsv)" 'test'
    certificate download --name from-az --file "$AZURE_CONFIG_DIR/certificate.pem"
    expect 'subject' "$(openssl x509 -in "$AZURE_CONFIG_DIR/certificate.pem" -noout -subject -nameopt RFC2253)" 'subject=CN=az.example.com'
    certificate backup --name from-az --file "$AZURE_CONFIG_DIR/certificate"
    certificate delete --name from-az -o none
    certificate purge --name from-az -o none
    certificate restore --file "$AZURE_CONFIG_DIR/certificate" -o none
    expect 'restored' "$(certificate show --name from-az --query x509ThumbprintHex -o tsv)" "$thumbprint"
    certificate delete --name from-az -o none
    certificate purge --name from-az -o none

    # A key and a certificate have one name between them, so only now.
    expect 'restored key' "$(key restore --file "$AZURE_CONFIG_DIR/key" --query key.kty -o tsv)" 'EC'
fi
az logout
echo 'done'
