/*
 * The contract strongroom:policy@1.0.0 for C: the types of policy.wit as the canonical ABI lays them out in
 * memory, which is how a compiler for wasm32 lays out the same structures. The comments in policy.wit
 * are the reference.
 *
 * A module needs no C library. What it is handed lies in its memory until it has answered; nothing is
 * freed, because the whole instance is thrown away after one batch.
 */
#ifndef STRONGROOM_POLICY_H
#define STRONGROOM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts are UTF-8 and do not end in a zero. */
typedef struct { const char *at; uint32_t length; } text;
#define TEXT(literal) ((text){ (literal), sizeof(literal) - 1 })

#define LIST(type) struct { const type *at; uint32_t length; }
#define OPTION(type) struct { uint8_t is_some; type value; }

typedef struct { text name, value; } pair;
typedef LIST(text) texts;
typedef LIST(pair) pairs;
typedef OPTION(text) maybe_text;
typedef OPTION(uint8_t) maybe_bool;
typedef OPTION(uint32_t) maybe_u32;
typedef OPTION(int64_t) maybe_s64;

enum stage { STAGE_NETWORK, STAGE_REQUEST };
enum object_state { STATE_ABSENT, STATE_ACTIVE, STATE_DELETED };
enum effect { EFFECT_ALLOW, EFFECT_DENY, EFFECT_ABSTAIN };
enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };
enum obligation_kind { OBLIGATION_STEP_UP, OBLIGATION_REQUIRE_APPROVAL, OBLIGATION_SHORTEN_LIFETIME, OBLIGATION_ALERT };

typedef struct {
    text name, version, summary;
    uint8_t stage; /* enum stage */
    texts actions, objects, facts;
    text settings_schema;
} description;

typedef struct {
    text issuer, subject, kind;
    texts groups;
    pairs claims;
} principal;

typedef struct { text version, cipher_suite; } tls;
typedef OPTION(tls) maybe_tls;

typedef struct {
    text subject, issuer, serial_number, sha256;
    texts names;
    int64_t not_after;
} client_certificate;
typedef OPTION(client_certificate) maybe_client_certificate;

typedef struct {
    text client_address, listener;
    texts proxies;
    maybe_tls tls;
    maybe_client_certificate client_certificate;
} connection;

typedef struct {
    text vault, kind, name;
    maybe_text version;
    uint8_t state; /* enum object_state */
    pairs tags;
    maybe_bool enabled;
    maybe_s64 not_before, expires, created, updated, deleted, purge;
} object;

typedef struct {
    maybe_text algorithm;
    text key_type;
    maybe_u32 key_size;
    maybe_text curve;
    texts key_ops;
    uint8_t exportable;
} key_operation;
typedef OPTION(key_operation) maybe_key_operation;

typedef struct {
    text subject;
    texts names;
    text issuer;
    maybe_u32 validity_days;
} certificate_request;
typedef OPTION(certificate_request) maybe_certificate_request;

typedef struct {
    text name;
    struct {
        uint8_t is_text;
        union { int64_t number; text text; } value;
    } value;
} fact;

typedef struct { text issuer, subject; int64_t granted, until; } approval;

typedef struct {
    principal principal;
    connection connection;
    text action;
    object object;
    maybe_key_operation key_operation;
    maybe_certificate_request certificate_request;
    int64_t time;
    LIST(fact) facts;
    LIST(approval) approvals;
} policy_request;

typedef struct {
    uint8_t kind; /* enum obligation_kind */
    union {
        struct { texts acr, amr; maybe_u32 max_age; } step_up;
        struct { uint32_t approvers, valid_for; } require_approval;
        uint32_t shorten_lifetime;
        struct { uint8_t severity; text sentence; } alert;
    } value;
} obligation;

typedef struct {
    uint8_t effect; /* enum effect */
    text reason_code, sentence;
    texts relied_on, messages;
    LIST(obligation) obligations;
} decision;

/* What the author writes. */
extern const description about;
/* No text when the settings are taken, otherwise a sentence against them. */
text refuse_settings(text settings);
decision decide(const policy_request *request, text settings);

/* ---- What every module needs: memory, and the exports of the contract. */

extern unsigned char __heap_base;
static uintptr_t next_free;

/* Hands out memory one after the other. */
static void *take(size_t size, size_t align) {
    if (next_free == 0) next_free = (uintptr_t)&__heap_base;
    uintptr_t start = (next_free + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t behind = start + size;
    uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * 65536;
    if (behind < start) __builtin_trap();
    if (behind > end && __builtin_wasm_memory_grow(0, (behind - end + 65535) / 65536) == (size_t)-1) __builtin_trap();
    next_free = behind;
    return (void *)start;
}

void *memcpy(void *to, const void *from, size_t count) {
    unsigned char *a = to;
    const unsigned char *b = from;
    while (count--) *a++ = *b++;
    return to;
}

void *memset(void *to, int byte, size_t count) {
    unsigned char *a = to;
    while (count--) *a++ = (unsigned char)byte;
    return to;
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    void *new = take(size, align);
    if (old_size > 0) memcpy(new, old, old_size < size ? old_size : size);
    return new;
}

__attribute__((export_name("strongroom:policy/guard@1.0.0#describe"))) const description *export_describe(void) {
    return &about;
}

typedef struct {
    uint8_t is_error;
    union { text sentence; struct { decision *at; uint32_t length; } decisions; } value;
} result;

__attribute__((export_name("strongroom:policy/guard@1.0.0#validate-settings"))) result *
export_validate_settings(const char *at, uint32_t length) {
    result *answer = take(sizeof *answer, _Alignof(result));
    answer->value.sentence = refuse_settings((text){ at, length });
    answer->is_error = answer->value.sentence.length > 0;
    return answer;
}

__attribute__((export_name("strongroom:policy/guard@1.0.0#decide"))) result *
export_decide(const policy_request *requests, uint32_t count, const char *at, uint32_t length) {
    text settings = { at, length };
    result *answer = export_validate_settings(at, length);
    if (answer->is_error) return answer;
    answer->value.decisions.at = take(count * sizeof(decision), _Alignof(decision));
    answer->value.decisions.length = count;
    for (uint32_t i = 0; i < count; i++) answer->value.decisions.at[i] = decide(&requests[i], settings);
    return answer;
}

/* ---- What authors often ask. */

static inline bool same(text one, text other) {
    if (one.length != other.length) return false;
    for (uint32_t i = 0; i < one.length; i++) if (one.at[i] != other.at[i]) return false;
    return true;
}

static inline bool begins_with(text whole, text beginning) {
    return whole.length >= beginning.length && same((text){ whole.at, beginning.length }, beginning);
}

static inline text find(pairs list, text name) {
    for (uint32_t i = 0; i < list.length; i++) if (same(list.at[i].name, name)) return list.at[i].value;
    return (text){ "", 0 };
}

static inline decision allow(text reason_code) { return (decision){ .effect = EFFECT_ALLOW, .reason_code = reason_code }; }
static inline decision abstain(text reason_code) { return (decision){ .effect = EFFECT_ABSTAIN, .reason_code = reason_code }; }
static inline decision deny(text reason_code, text sentence) {
    return (decision){ .effect = EFFECT_DENY, .reason_code = reason_code, .sentence = sentence };
}

#endif
