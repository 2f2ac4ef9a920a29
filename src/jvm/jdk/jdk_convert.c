/* Widening conversions: see jdk_convert.h. */
#include "jvm/jdk/jdk_convert.h"

/* Types whose values lie in a slot as an int, without boolean. */
static bool is_int(enum jrt_type type)
{
    return type == JRT_BYTE || type == JRT_SHORT || type == JRT_CHAR || type == JRT_INT;
}

static bool widen_to_float(union jrt_slot *value, enum jrt_type from)
{
    float wide = from == JRT_LONG ? (float)value->j : (float)value->i;
    *value = (union jrt_slot){.word = 0};
    value->f = wide;
    return from == JRT_LONG || is_int(from);
}

static bool widen_to_double(union jrt_slot *value, enum jrt_type from)
{
    double wide = from == JRT_FLOAT  ? (double)value->f
                  : from == JRT_LONG ? (double)value->j
                                     : (double)value->i;
    value->d = wide;
    return from == JRT_FLOAT || from == JRT_LONG || is_int(from);
}

bool jdk_widen(union jrt_slot *value, enum jrt_type from, enum jrt_type to)
{
    if (from == to) {
        return true;
    }
    switch (to) {
    case JRT_SHORT:
        return from == JRT_BYTE;
    case JRT_INT:
        return is_int(from);
    case JRT_LONG: {
        int32_t number = value->i;
        value->j = number;
        return is_int(from);
    }
    case JRT_FLOAT:
        return widen_to_float(value, from);
    case JRT_DOUBLE:
        return widen_to_double(value, from);
    case JRT_BOOLEAN:
    case JRT_CHAR:
    case JRT_BYTE:
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return false;
}
