/* The table of fast handlers. */
#include "cpu/interpreter/cpu_fast.h"

#define CPU_FAST_ENTRY(name) cpu_fast_##name,
cpu_fast *const cpu_fast_table[CPU_FASTS] = {CPU_FAST_LIST(CPU_FAST_ENTRY)};
