/* Random operations on a heap and its model, in all of its modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jvm/gc/jgc_model_test.h"

enum { BYTES = 60000 };

static uint8_t bytes[BYTES];

static void run(uint8_t how, uint64_t seed)
{
    for (size_t i = 0; i < BYTES; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        bytes[i] = (uint8_t)(seed >> 40);
    }
    bytes[0] = how;
    bool stress = (how & 2) != 0;
    model_run(bytes, stress ? BYTES / 6 : BYTES);
}

static void agrees_with_its_model_in_every_mode(void **state)
{
    (void)state;
    const char *more = getenv("JGC_SEEDS"); /* by hand: how many */
    uint64_t seeds = more == NULL ? 2 : (uint64_t)strtoul(more, NULL, 10);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        for (uint8_t how = 0; how < 16; how++) {
            run(how, seed * 1000 + how);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_its_model_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
