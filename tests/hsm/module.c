/* A PKCS#11 module for the tests: SoftHSM2's, with a configuration of its own, that counts log-ins and can be told to
 * hang, to have no room, or to exchange keys. FOLDER is given when it is compiled: `softhsm2.conf` is there, each
 * C_Login adds a byte to `logins`, C_FindObjectsInit waits as long as there is a file `hang`, and C_GenerateKeyPair
 * fails as long as there is a file `full`. As long as there is a file `exchange`, a key that is looked for by its
 * CKA_ID is destroyed and another one put in its place: made by the token, or, if the file begins with a K, of a value
 * that is known outside. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;

/* CK_FUNCTION_LIST of PKCS#11 2.40: a version, padded to a pointer, and 68 functions in the order of the standard. */
enum {
    FUNCTIONS = 69,
    LOGIN = 19,
    CREATE_OBJECT = 21,
    DESTROY_OBJECT = 23,
    GET_ATTRIBUTE_VALUE = 25,
    FIND_OBJECTS_INIT = 27,
    FIND_OBJECTS = 28,
    FIND_OBJECTS_FINAL = 29,
    GENERATE_KEY = 59,
    GENERATE_KEY_PAIR = 60
};

/* CKA_ of the standard, as far as they are used here. */
enum {
    CLASS = 0x000, TOKEN = 0x001, PRIVATE = 0x002, LABEL = 0x003, VALUE = 0x011, KEY_TYPE = 0x100, ID = 0x102,
    SENSITIVE = 0x103, ENCRYPT = 0x104, DECRYPT = 0x105, WRAP = 0x106, UNWRAP = 0x107, SIGN = 0x108,
    MODULUS_BITS = 0x121, PUBLIC_EXPONENT = 0x122, VALUE_LEN = 0x161, EXTRACTABLE = 0x162
};

typedef struct {
    word type;
    void *value;
    word length;
} attribute;

typedef struct {
    word mechanism;
    void *parameter;
    word length;
} mechanism;

static void *list[FUNCTIONS];
static word (*real_login)(word, word, unsigned char *, word);
static word (*real_find)(word, void *, word);
static word (*real_pair)(word, void *, void *, word, void *, word, word *, word *);

static word login(word session, word user, unsigned char *pin, word length) {
    FILE *log = fopen(FOLDER "/logins", "a");
    if (log) {
        fputc('x', log);
        fclose(log);
    }
    return real_login(session, user, pin, length);
}

/* Exchanges the key that a template is about, if there is one. */
static void exchange(word session, attribute *wanted, word count) {
    FILE *file = fopen(FOLDER "/exchange", "r");
    if (!file) return;
    int known = fgetc(file) == 'K';
    fclose(file);
    attribute id = {0, NULL, 0};
    word class = 0, object = 0, found = 0;
    for (word i = 0; i < count; i++) {
        if (wanted[i].type == ID) id = wanted[i];
        if (wanted[i].type == CLASS) class = *(word *)wanted[i].value;
    }
    if (!id.value || real_find(session, wanted, count)) return;
    ((word(*)(word, word *, word, word *))list[FIND_OBJECTS])(session, &object, 1, &found);
    ((word(*)(word))list[FIND_OBJECTS_FINAL])(session);
    if (!found) return;
    unsigned char name[256], yes = 1, no = 0, value[32] = {7}, exponent[] = {1, 0, 1};
    word length = sizeof value, bits = 2048, aes = 0x1f, made = 0, public = 0;
    attribute label = {LABEL, name, sizeof name};
    ((word(*)(word, word, attribute *, word))list[GET_ATTRIBUTE_VALUE])(session, object, &label, 1);
    ((word(*)(word, word))list[DESTROY_OBJECT])(session, object);
    if (class == 3) { /* CKO_PRIVATE_KEY */
        attribute outer[] = {{TOKEN, &no, 1}, {MODULUS_BITS, &bits, sizeof bits}, {PUBLIC_EXPONENT, exponent, 3}};
        attribute inner[] = {{TOKEN, &yes, 1},   {PRIVATE, &yes, 1},     {SENSITIVE, &yes, 1}, label, id,
                             {DECRYPT, &yes, 1}, {EXTRACTABLE, &no, 1}, {SIGN, &yes, 1}};
        mechanism rsa = {0, NULL, 0}; /* CKM_RSA_PKCS_KEY_PAIR_GEN */
        real_pair(session, &rsa, outer, 3, inner, 8, &public, &made);
        return;
    }
    attribute key[] = {{TOKEN, &yes, 1},   {PRIVATE, &yes, 1}, {ENCRYPT, &yes, 1},      {DECRYPT, &yes, 1},
                       {WRAP, &yes, 1},    {UNWRAP, &yes, 1},  {SENSITIVE, &yes, 1},    {EXTRACTABLE, &no, 1},
                       label,              id,                 {0, NULL, 0},            {0, NULL, 0},
                       {0, NULL, 0}};
    if (known) {
        key[6].value = &no;
        key[7].value = &yes;
        key[10] = (attribute){CLASS, &class, sizeof class};
        key[11] = (attribute){KEY_TYPE, &aes, sizeof aes};
        key[12] = (attribute){VALUE, value, sizeof value};
        ((word(*)(word, attribute *, word, word *))list[CREATE_OBJECT])(session, key, 13, &made);
    } else {
        mechanism generate = {0x1080, NULL, 0}; /* CKM_AES_KEY_GEN */
        key[10] = (attribute){VALUE_LEN, &length, sizeof length};
        ((word(*)(word, mechanism *, attribute *, word, word *))list[GENERATE_KEY])(session, &generate, key, 11, &made);
    }
}

static word find(word session, void *template, word count) {
    while (access(FOLDER "/hang", F_OK) == 0) usleep(10000);
    exchange(session, template, count);
    return real_find(session, template, count);
}

static word pair(word session, void *mechanism, void *public, word publics, void *private, word privates, word *one,
                 word *other) {
    if (access(FOLDER "/full", F_OK) == 0) return 0x31; /* CKR_DEVICE_MEMORY */
    return real_pair(session, mechanism, public, publics, private, privates, one, other);
}

word C_GetFunctionList(void ***out) {
    if (!list[1]) {
        setenv("SOFTHSM2_CONF", FOLDER "/softhsm2.conf", 1);
        void *module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
        word (*get)(void ***) = module ? (word(*)(void ***))dlsym(module, "C_GetFunctionList") : NULL;
        void **real;
        if (!get || get(&real)) return 5; /* CKR_GENERAL_ERROR */
        memcpy(list, real, sizeof list);
        real_login = (word(*)(word, word, unsigned char *, word))list[LOGIN];
        real_find = (word(*)(word, void *, word))list[FIND_OBJECTS_INIT];
        real_pair = (word(*)(word, void *, void *, word, void *, word, word *, word *))list[GENERATE_KEY_PAIR];
        list[LOGIN] = (void *)login;
        list[FIND_OBJECTS_INIT] = (void *)find;
        list[GENERATE_KEY_PAIR] = (void *)pair;
    }
    *out = list;
    return 0;
}
