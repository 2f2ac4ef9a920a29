/*
 * The files that a monitor writes: "state" in the run folder while the instance runs, "exit" in the
 * instance's home after each end. Both are JSON (docs/state.md, "Instances"), replaced in one step.
 */
#include "base/print.h"
#include "base/str.h"
#include "engine/monitor/mon_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_process.h"

enum { TEXT_MAX = 1024 };

int mon_files_state(const struct monitor *m)
{
    char text[TEXT_MAX];
    bool running = m->phase == MON_PHASE_RUNNING || m->phase == MON_PHASE_STARTING;

    size_t length = st_snprintf(
        text, sizeof(text),
        "{\"version\":1,\"status\":\"%s\",\"monitor\":%d,\"monitorStart\":%llu,\"pid\":%lld,"
        "\"pidStart\":%llu,\"startedNs\":%lld,"
        "\"finishedNs\":%lld,\"exitCode\":%d,\"restarts\":%lld}\n",
        running ? "running" : "restarting", (int)os_getpid(),
        (unsigned long long)m->own_start_ticks, running ? (long long)m->pid : 0,
        running ? (unsigned long long)m->start_ticks : 0, (long long)m->started_ns,
        (long long)m->finished_ns, m->exit_code, (long long)m->restarts);
    int r = os_replace_file(m->here, "state", text, length, 0600, false);
    return r < 0 ? os_replace_file(m->here, "state", text, length, 0600, false) : r;
}

int mon_files_exit(const struct monitor *m)
{
    char text[TEXT_MAX];
    st_auto(fd) int home = os_open(m->config.home, O_RDONLY | O_DIRECTORY, 0);

    if (home < 0) {
        return home;
    }
    size_t length = st_snprintf(
        text, sizeof(text),
        "{\"version\":1,\"exitCode\":%d,\"oomKilled\":%s,\"stoppedByUser\":%s,\"startedNs\":%lld,"
        "\"finishedNs\":%lld,\"restarts\":%lld}\n",
        m->exit_code, m->oom_killed ? "true" : "false", m->stop_asked ? "true" : "false",
        (long long)m->started_ns, (long long)m->finished_ns, (long long)m->restarts);
    int r = os_replace_file(home, "exit", text, length, 0600, false);
    return r < 0 ? os_replace_file(home, "exit", text, length, 0600, false) : r;
}
