/* Answers to the debugger's packets: see vmm_gdb_priv.h. Numbers in packets are hexadecimal. */
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "vmm/vmm_gdb_priv.h"

enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5, EXCEPTION_BP = 3 };

static void send_text(struct vmm_gdb *gdb, const char *text)
{
    vmm_gdb_send(gdb, text, strlen(text));
}

static void send_result(struct vmm_gdb *gdb, int r)
{
    send_text(gdb, r >= 0 ? "OK" : r == -ST_EUNSUPPORTED ? "" : "E01");
}

static struct vcpu *vcpu_at(const struct vmm_gdb *gdb, unsigned index)
{
    return vmm_vcpus(gdb->vmm)->vcpus[index];
}

static unsigned vcpus_count(const struct vmm_gdb *gdb)
{
    return vmm_vcpus(gdb->vmm)->count;
}

/* ---- numbers and bytes ---- */

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Reads digits at *text and moves it behind them; 0 where there is none. */
static uint64_t take_number(char **text)
{
    uint64_t value = 0;
    for (int d; (d = digit(**text)) >= 0; (*text)++) {
        value = value << 4 | (unsigned)d;
    }
    return value;
}

static bool skip(char **text, char c)
{
    bool there = **text == c;
    *text += there;
    return there;
}

static void put_hex(struct st_buf *to, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        st_buf_printf(to, "%02x", bytes[i]);
    }
}

/* Reads 2 * size digits; how many bytes there were. */
static size_t take_hex(char **text, uint8_t *ret_bytes, size_t size)
{
    size_t n = 0;
    while (n < size && digit((*text)[0]) >= 0 && digit((*text)[1]) >= 0) {
        ret_bytes[n++] = (uint8_t)(digit((*text)[0]) << 4 | digit((*text)[1]));
        *text += 2;
    }
    return n;
}

/* ---- stopping and going on ---- */

static void tell_stop(struct vmm_gdb *gdb, unsigned vcpu, int signal, const char *why)
{
    gdb->running = false;
    gdb->stepping = 0;
    gdb->current = vcpu;
    st_snprintf(gdb->last_stop, sizeof gdb->last_stop, "T%02xthread:%x;%s", signal, vcpu + 1, why);
    send_text(gdb, gdb->last_stop);
}

void vmm_gdb_interrupt(struct vmm_gdb *gdb)
{
    if (gdb->running) {
        (void)vmm_pause(gdb->vmm);
        tell_stop(gdb, gdb->current, SIGNAL_INT, "");
    }
}

static void go(struct vmm_gdb *gdb, uint64_t run, uint64_t step)
{
    gdb->stepping = step;
    vmm_gdb_arm(gdb);
    gdb->running = true;
    if (vmm_resume_some(gdb->vmm, run | step) < 0) {
        tell_stop(gdb, gdb->current, SIGNAL_TRAP, "");
    }
}

/* INT3 of the guest's own: it gets the exception that it would have had. */
static void reflect_int3(struct vmm_gdb *gdb, unsigned vcpu, struct vcpu_state *state)
{
    state->rip++; /* a trap: what is saved is behind it */
    state->events.exception_pending = true;
    state->events.exception_vector = EXCEPTION_BP;
    state->events.exception_has_error = false;
    (void)vcpu_set_state(vcpu_at(gdb, vcpu), state, NULL);
    (void)vmm_resume_some(gdb->vmm, VMM_CPUS_ALL);
}

/* The stop reply's words for a debug register that matched. */
static void describe_point(const struct vmm_gdb *gdb, uint64_t dr6, char *ret_text, size_t size)
{
    static const char *const words[5] = {"", "hwbreak", "watch", "rwatch", "awatch"};
    unsigned used = 0;
    for (unsigned i = 0; i < VMM_GDB_HARD_MAX; i++) {
        const struct gdb_hard_point *point = &gdb->hard[i];
        if (point->length == 0) {
            continue;
        }
        if ((dr6 >> used & 1) != 0) {
            if (point->type == 1) {
                st_snprintf(ret_text, size, "hwbreak:;");
            } else {
                st_snprintf(ret_text, size, "%s:%llx;", words[point->type],
                            (unsigned long long)point->address);
            }
            return;
        }
        used++;
    }
}

void vmm_gdb_stopped(void *argument, unsigned vcpu, const struct vcpu_exit *exit)
{
    struct vmm_gdb *gdb = argument;
    struct vcpu_state *state = malloc(sizeof *state);
    char why[40] = "";
    if (gdb->client.fd < 0 || state == NULL || vcpu_get_state(vcpu_at(gdb, vcpu), state) < 0) {
        free(state);
        (void)vmm_resume_some(gdb->vmm, VMM_CPUS_ALL);
        return;
    }
    if (exit->debug.breakpoint && !vmm_gdb_planted(gdb, exit->debug.rip)) {
        reflect_int3(gdb, vcpu, state);
        free(state);
        return;
    }
    free(state);
    if (exit->debug.breakpoint) {
        st_snprintf(why, sizeof why, "swbreak:;");
    } else {
        describe_point(gdb, exit->debug.dr6, why, sizeof why);
    }
    if (gdb->running) {
        tell_stop(gdb, vcpu, SIGNAL_TRAP, why);
    }
}

void vmm_gdb_attach(struct vmm_gdb *gdb)
{
    (void)vmm_pause(gdb->vmm);
    gdb->running = false;
    gdb->current = 0;
    gdb->stepping = 0;
    st_snprintf(gdb->last_stop, sizeof gdb->last_stop, "T%02xthread:1;", SIGNAL_TRAP);
}

void vmm_gdb_detach(struct vmm_gdb *gdb)
{
    (void)vmm_pause(gdb->vmm);
    gdb->stepping = 0;
    vmm_gdb_remove_all(gdb);
    vmm_gdb_arm(gdb);
    gdb->running = false;
    (void)vmm_resume(gdb->vmm);
}

/* vCont;ACTION[:THREAD]... : the leftmost action that fits a thread is its. */
static void continue_some(struct vmm_gdb *gdb, char *text)
{
    uint64_t run = 0;
    uint64_t step = 0;
    uint64_t done = 0;
    uint64_t all = vcpus_count(gdb) == 64 ? UINT64_MAX : (UINT64_C(1) << vcpus_count(gdb)) - 1;
    while (skip(&text, ';')) {
        char action = *text;
        text += action != 0;
        uint64_t mask = all;
        if (action == 'C' || action == 'S') {
            (void)take_number(&text); /* a signal: vCPUs have none */
        }
        if (skip(&text, ':') && !skip(&text, '-')) {
            uint64_t thread = take_number(&text);
            mask = thread >= 1 && thread <= vcpus_count(gdb) ? UINT64_C(1) << (thread - 1) : all;
        } else if (*text == '1') {
            text++; /* -1: all */
        }
        mask &= ~done;
        done |= mask;
        if (action == 's' || action == 'S') {
            step |= mask;
        } else if (action == 'c' || action == 'C') {
            run |= mask;
        } else {
            send_text(gdb, "E01");
            return;
        }
    }
    go(gdb, run, step);
}

/* ---- registers and memory ---- */

static void read_registers(struct vmm_gdb *gdb, unsigned first, unsigned count)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(VMM_GDB_PACKET_MAX);
    struct vcpu_state *state = malloc(sizeof *state);
    if (state == NULL || first > vmm_gdb_registers() - count ||
        vcpu_get_state(vcpu_at(gdb, gdb->current), state) < 0) {
        send_text(gdb, "E01");
    } else {
        for (unsigned n = first; n < first + count; n++) {
            uint8_t bytes[16];
            vmm_gdb_register_get(state, n, bytes);
            put_hex(&text, bytes, vmm_gdb_register_size(n));
        }
        vmm_gdb_send(gdb, st_buf_string(&text), text.length);
    }
    free(state);
}

static void write_registers(struct vmm_gdb *gdb, unsigned first, unsigned count, char *text)
{
    struct vcpu_state *state = malloc(sizeof *state);
    int r = state == NULL || first > vmm_gdb_registers() - count ? -ST_EINVAL : 0;
    r = r < 0 ? r : vcpu_get_state(vcpu_at(gdb, gdb->current), state);
    for (unsigned n = first; r >= 0 && n < first + count; n++) {
        uint8_t bytes[16];
        unsigned size = vmm_gdb_register_size(n);
        r = take_hex(&text, bytes, size) == size ? 0 : -ST_EINVAL;
        if (r >= 0) {
            vmm_gdb_register_set(state, n, bytes);
        }
    }
    r = r < 0 ? r : vcpu_set_state(vcpu_at(gdb, gdb->current), state, NULL);
    free(state);
    send_result(gdb, r < 0 ? -ST_EINVAL : 0);
}

static void read_memory(struct vmm_gdb *gdb, char *text)
{
    uint8_t bytes[VMM_GDB_PACKET_MAX / 2 - 8];
    st_auto(buf) struct st_buf answer = ST_BUF_HEAP(VMM_GDB_PACKET_MAX);
    uint64_t address = take_number(&text);
    (void)skip(&text, ',');
    uint64_t size = ST_MIN(take_number(&text), (uint64_t)sizeof bytes);
    size_t got = vmm_gdb_read(gdb, address, bytes, (size_t)size);
    if (got == 0 && size > 0) {
        send_text(gdb, "E14");
        return;
    }
    put_hex(&answer, bytes, got);
    vmm_gdb_send(gdb, st_buf_string(&answer), answer.length);
}

static void write_memory(struct vmm_gdb *gdb, char *text)
{
    uint8_t bytes[VMM_GDB_PACKET_MAX / 2];
    uint64_t address = take_number(&text);
    (void)skip(&text, ',');
    uint64_t size = take_number(&text);
    (void)skip(&text, ':');
    size_t got = take_hex(&text, bytes, sizeof bytes);
    bool written = got == size && vmm_gdb_write(gdb, address, bytes, got) == got;
    send_text(gdb, written ? "OK" : "E14");
}

static void change_point(struct vmm_gdb *gdb, char *text)
{
    bool insert = *text++ == 'Z';
    unsigned type = (unsigned)take_number(&text);
    (void)skip(&text, ',');
    uint64_t address = take_number(&text);
    (void)skip(&text, ',');
    uint64_t length = take_number(&text);
    send_result(gdb, insert ? vmm_gdb_insert(gdb, type, address, length)
                            : vmm_gdb_remove(gdb, type, address, length));
}

/* ---- questions ---- */

static void send_xml(struct vmm_gdb *gdb, char *range)
{
    st_auto(buf) struct st_buf xml = ST_BUF_HEAP(65536);
    st_auto(buf) struct st_buf part = ST_BUF_HEAP(VMM_GDB_PACKET_MAX);
    vmm_gdb_target_xml(&xml);
    size_t from = (size_t)ST_MIN(take_number(&range), (uint64_t)xml.length);
    (void)skip(&range, ',');
    size_t size = (size_t)ST_MIN(take_number(&range), (uint64_t)(VMM_GDB_PACKET_MAX - 8));
    size_t left = xml.length - from;
    st_buf_char(&part, size < left ? 'm' : 'l');
    st_buf_append(&part, xml.data + from, ST_MIN(size, left));
    vmm_gdb_send(gdb, st_buf_string(&part), part.length);
}

static void send_threads(struct vmm_gdb *gdb)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(VMM_GDB_PACKET_MAX);
    for (unsigned i = 0; i < vcpus_count(gdb); i++) {
        st_buf_printf(&text, "%c%x", i == 0 ? 'm' : ',', i + 1);
    }
    vmm_gdb_send(gdb, st_buf_string(&text), text.length);
}

static void answer_question(struct vmm_gdb *gdb, char *text)
{
    static const char xml[] = "qXfer:features:read:target.xml:";
    static const char extra[] = "qThreadExtraInfo,";
    char answer[128] = "";
    if (strncmp(text, "qSupported", 10) == 0) {
        st_snprintf(answer, sizeof answer,
                    "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;swbreak+;hwbreak+;"
                    "vContSupported+",
                    VMM_GDB_PACKET_MAX - 16);
    } else if (strncmp(text, xml, sizeof xml - 1) == 0) {
        send_xml(gdb, text + sizeof xml - 1);
        return;
    } else if (st_streq(text, "qfThreadInfo")) {
        send_threads(gdb);
        return;
    } else if (st_streq(text, "qsThreadInfo")) {
        st_snprintf(answer, sizeof answer, "l");
    } else if (st_streq(text, "qC")) {
        st_snprintf(answer, sizeof answer, "QC%x", gdb->current + 1);
    } else if (st_streq(text, "qAttached")) {
        st_snprintf(answer, sizeof answer, "1");
    } else if (strncmp(text, extra, sizeof extra - 1) == 0) {
        char *number = text + sizeof extra - 1;
        char name[32];
        st_snprintf(name, sizeof name, "vCPU %u", (unsigned)take_number(&number) - 1);
        for (size_t i = 0; name[i] != 0; i++) {
            st_snprintf(answer + 2 * i, sizeof answer - 2 * i, "%02x", (unsigned char)name[i]);
        }
    } else if (st_streq(text, "QStartNoAckMode")) {
        send_text(gdb, "OK");
        gdb->no_acks = true;
        return;
    }
    send_text(gdb, answer);
}

static void select_thread(struct vmm_gdb *gdb, char *text)
{
    uint64_t thread = take_number(&text); /* -1 and 0: any */
    if (thread > vcpus_count(gdb)) {
        send_text(gdb, "E01");
        return;
    }
    if (thread >= 1) {
        gdb->current = (unsigned)thread - 1;
    }
    send_text(gdb, "OK");
}

void vmm_gdb_answer(struct vmm_gdb *gdb, char *text)
{
    char *rest = text + (text[0] != 0);
    uint64_t one = UINT64_C(1) << gdb->current;
    /* vCPUs that run have no state to look at. */
    if (gdb->running && text[0] != 'D' && text[0] != 'k') {
        send_text(gdb, "E01");
        return;
    }
    switch (text[0]) {
    case '?':
        send_text(gdb, gdb->last_stop);
        break;
    case 'g':
        read_registers(gdb, 0, vmm_gdb_registers());
        break;
    case 'G':
        write_registers(gdb, 0, vmm_gdb_registers(), rest);
        break;
    case 'p':
        read_registers(gdb, (unsigned)take_number(&rest), 1);
        break;
    case 'P': {
        unsigned n = (unsigned)take_number(&rest);
        (void)skip(&rest, '=');
        write_registers(gdb, n, 1, rest);
        break;
    }
    case 'm':
        read_memory(gdb, rest);
        break;
    case 'M':
        write_memory(gdb, rest);
        break;
    case 'Z':
    case 'z':
        change_point(gdb, text);
        break;
    case 'c':
        go(gdb, VMM_CPUS_ALL, 0);
        break;
    case 's':
        go(gdb, 0, one);
        break;
    case 'v':
        if (st_streq(text, "vCont?")) {
            send_text(gdb, "vCont;c;C;s;S");
        } else if (strncmp(text, "vCont;", 6) == 0) {
            continue_some(gdb, text + 5);
        } else {
            send_text(gdb, "");
        }
        break;
    case 'H': /* a letter that says for what comes first */
        select_thread(gdb, rest + (*rest != 0));
        break;
    case 'T': {
        uint64_t thread = take_number(&rest);
        send_text(gdb, thread >= 1 && thread <= vcpus_count(gdb) ? "OK" : "E01");
        break;
    }
    case 'D':
        send_text(gdb, "OK");
        vmm_gdb_detach(gdb);
        break;
    case 'k':
        vmm_quit(gdb->vmm);
        break;
    case 'q':
    case 'Q':
        answer_question(gdb, text);
        break;
    default:
        send_text(gdb, "");
        break;
    }
}
