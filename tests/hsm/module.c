/* A PKCS#11 module for the tests: SoftHSM2's, with a configuration of its own, that counts log-ins and can be told to
 * hang. FOLDER is given when it is compiled: `softhsm2.conf` is there, each C_Login adds a byte to `logins`, and
 * C_FindObjectsInit waits as long as there is a file `hang`. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;

/* CK_FUNCTION_LIST of PKCS#11 2.40: a version, padded to a pointer, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, LOGIN = 19, FIND_OBJECTS_INIT = 27 };

static void *list[FUNCTIONS];
static word (*real_login)(word, word, unsigned char *, word);
static word (*real_find)(word, void *, word);

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
        list[LOGIN] = (void *)login;
        list[FIND_OBJECTS_INIT] = (void *)find;
    }
    *out = list;
    return 0;
}
