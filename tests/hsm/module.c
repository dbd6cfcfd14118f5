/* A PKCS#11 module for the tests: SoftHSM2's, with a configuration of its own, that counts log-ins and can be told to
 * hang, or to have no room. FOLDER is given when it is compiled: `softhsm2.conf` is there, each C_Login adds a byte to
 * `logins`, C_FindObjectsInit waits as long as there is a file `hang`, and C_GenerateKeyPair fails as long as there is
 * a file `full`. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;

/* CK_FUNCTION_LIST of PKCS#11 2.40: a version, padded to a pointer, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, LOGIN = 19, FIND_OBJECTS_INIT = 27, GENERATE_KEY_PAIR = 60 };

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

static word find(word session, void *template, word count) {
    while (access(FOLDER "/hang", F_OK) == 0) usleep(10000);
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
