/* Any sequence of operations leaves the heap as its model says. */
#include "jvm/gc/jgc_model_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_run(data, size);
    return 0;
}
