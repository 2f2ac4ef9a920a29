/* The platform's log line. */
#include "base/print.h"
#include "platform/platform.h"

void plat_log(struct platform *platform, enum plat_level level, const char *module,
              const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    st_vsnprintf(text, sizeof text, format, args);
    va_end(args);
    platform->ops->log(platform, level, module, text);
}
