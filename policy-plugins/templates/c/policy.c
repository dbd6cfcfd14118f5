/*
 * my-policy: production secrets are read by workloads alone.
 *
 * Change `about` and `decide`. It has no settings; one that has some reads their JSON in `refuse_settings` and in
 * `decide`.
 */
#include "policy.h"

static const text actions[] = { { "Microsoft.KeyVault/vaults/secrets/getSecret/action", 50 } };
static const text objects[] = { { "secret/prod-*", 13 } };

const description about = {
    .name = { "my-policy", sizeof "my-policy" - 1 },
    .version = { "0.1.0", 5 },
    .summary = { "Production secrets are read by workloads alone.", 47 },
    .stage = STAGE_REQUEST,
    .actions = { actions, 1 },
    .objects = { objects, 1 },
    .facts = { 0, 0 },
    .settings_schema = { "{\"type\":\"object\",\"additionalProperties\":false}", 46 },
};

text refuse_settings(text settings) {
    bool empty = settings.length == 0 || same(settings, TEXT("{}"));
    return empty ? (text){ 0, 0 } : TEXT("this module has no settings");
}

static const text kind[] = { { "principal.kind", 14 } };

decision decide(const policy_request *request, text settings) {
    (void)settings;
    decision answer = same(request->principal.kind, TEXT("workload"))
        ? allow(TEXT("workload"))
        : deny(TEXT("people-not-allowed"), TEXT("Production secrets are read by workloads alone."));
    answer.relied_on.at = kind;
    answer.relied_on.length = 1;
    return answer;
}
