/*
 * Files for strata cp, by the agent itself: an image need not have a tar. It is a process of a
 * session as any other, with an archive on its standard input or output and what goes wrong as a
 * line on its standard error; it stands in the workload's root.
 */
#include "init/init.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/arc_place.h"
#include "archive/arc_tar.h"

/* Settings on standard output: what there is at the path. */
static int tell(const struct arc_place *place)
{
    printf("exists=%d%cmode=%o%c", place->exists, 0, place->exists ? place->stat.st_mode : 0, 0);
    return fflush(stdout) == 0 ? 0 : -ST_EIO;
}

static int take_in(const struct init_process *process, const struct arc_place *target,
                   struct st_err *err)
{
    st_auto(fd) int into = -1;
    struct arc_place source = {.last = (char *)(uintptr_t)process->source,
                               .content = process->source_content,
                               .stat.st_mode = process->source_is_folder ? S_IFDIR : S_IFREG};
    const char *as = NULL;
    int r = 0;

    if (process->source == NULL) { /* an archive of its own */
        into = arc_open_whole(target);
        r = into < 0 ? st_fail_os(err, into, "opening %s", process->args[0]) : 0;
    } else {
        r = arc_choose(&source, target, &into, &as, err);
        as = as == NULL ? "" : as; /* the host gave the archive's one part a name */
    }
    const struct arc_unpack how = {
        .into = into, .as = as, .keep_owner = process->source == NULL || process->keep_owner};
    return r < 0 ? r : arc_unpack(&how, STDIN_FILENO, err);
}

static int act(const struct init_process *process, struct st_err *err)
{
    struct arc_place place = {0};
    st_auto(fd) int root = os_open("/", O_PATH | O_DIRECTORY, 0);
    int r = root < 0 ? root : arc_look(&place, root, process->args[0]);

    if (r < 0) {
        st_fail_os(err, r, "%s", process->args[0]);
    } else if (strcmp(process->action, "look") == 0) {
        r = tell(&place);
    } else if (strcmp(process->action, "pack") == 0) {
        r = arc_pack_place(&place, process->as, process->follow, STDOUT_FILENO, err);
    } else {
        r = take_in(process, &place, err);
    }
    arc_place_done(&place);
    return r;
}

ST_NORETURN void init_act(const struct init_process *process)
{
    struct st_err err = {0};
    int r;

    if (strcmp(process->action, "wait") == 0) {
        for (;;) {
            pause();
        }
    }
    r = act(process, &err);
    if (r < 0) {
        fprintf(stderr, "%s\n", err.msg[0] != '\0' ? err.msg : st_strerror(r));
    }
    fflush(NULL);
    _exit(r < 0 ? 1 : 0);
}
