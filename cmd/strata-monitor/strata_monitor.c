/*
 * strata-monitor FOLDER SOCKET LOCK: watches one running instance. Started by `strata` alone, with
 * the numbers of two inherited descriptors; see engine/monitor/monitor.h.
 */
#include "base/str.h"
#include "engine/monitor/monitor.h"

int main(int argc, char **argv)
{
    uint64_t starter = 0;
    uint64_t lock = 0;

    if (argc != 4 || st_parse_u64(argv[2], 10, INT32_MAX, &starter) < 0 ||
        st_parse_u64(argv[3], 10, INT32_MAX, &lock) < 0) {
        return 2;
    }
    return mon_main(argv[1], (int)starter, (int)lock);
}
