/*
 * Names in constant pools. A text's symbol is remembered in its entry, so that it is looked up in
 * the symbol table once.
 */
#include "jvm/runtime/jrt_pool.h"

job_offset_t jrt_pool_symbol(const struct jrt_class *class, uint16_t index)
{
    if (!index) {
        return 0;
    }
    const struct jrt_pool *pool = jrt_pool_of(class);
    uint32_t *resolved = jrt_pool_resolved(pool, index);
    job_offset_t symbol = __atomic_load_n(resolved, __ATOMIC_ACQUIRE);
    if (!symbol) {
        const uint8_t *text = jrt_pool_bytes(pool) + jrt_pool_value(pool, index);
        symbol = jrt_symbol((const char *)text, (size_t)(text[-2] << 8 | text[-1]));
        __atomic_store_n(resolved, symbol, __ATOMIC_RELEASE);
    }
    return symbol;
}

job_offset_t jrt_pool_named(const struct jrt_class *class, uint16_t index)
{
    return index ? jrt_pool_symbol(class, jrt_pool_low(jrt_pool_of(class), index)) : 0;
}

bool jrt_pool_member(const struct jrt_class *class, uint16_t index,
                     struct jrt_member_name *ret_member)
{
    const struct jrt_pool *pool = jrt_pool_of(class);
    uint16_t name_and_type = index;
    job_offset_t class_name = 0;
    uint8_t tag = pool->tags[index];
    if (tag != JCF_TAG_NAME_AND_TYPE) {
        name_and_type = jrt_pool_low(pool, index);
        if (tag != JCF_TAG_DYNAMIC && tag != JCF_TAG_INVOKE_DYNAMIC) {
            class_name = jrt_pool_named(class, jrt_pool_high(pool, index));
            if (!class_name) {
                return false;
            }
        }
    }
    ret_member->class_name = class_name;
    ret_member->name = jrt_pool_symbol(class, jrt_pool_high(pool, name_and_type));
    ret_member->descriptor = jrt_pool_symbol(class, jrt_pool_low(pool, name_and_type));
    return ret_member->name && ret_member->descriptor;
}
