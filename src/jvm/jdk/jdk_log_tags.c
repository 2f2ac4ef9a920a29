/*
 * Tags of log lines: see jdk_log_tags.h. Both tables are one text each, so that they need no
 * relocation; tests/jvm/run compares them with the HotSpot that is installed.
 */
#include "jvm/jdk/jdk_log_tags.h"

#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "jvm/jdk/jdk_flags.h"

/* Sorted, as the next. */
const char jdk_log_tag_names[] =
    "add age alloc annotation arguments attach barrier biasedlocking blocks bot "
    "breakpoint bytecode cds census class classhisto cleanup codecache compaction "
    "compilation condy constantpool constraints container coops cpu cset data "
    "datacreation dcmd decoder defaultmethods director dump dynamic ergo event exceptions "
    "exit fingerprint free freelist gc handshake hashtables heap humongous ihop iklass "
    "indy init inlining install interpreter itables jfr jit jni jvmci jvmti lambda "
    "library liveness load loader logging malloc map mark marking membername memops "
    "metadata metaspace methodcomparator methodhandles mirror mmu module monitorinflation "
    "monitormismatch nestmates nmethod nmt normalize numa objecttagging obsolete "
    "oldobject oom oopmap oops oopstorage os owner pagesize parser patch path perf "
    "periodic phases plab placeholders preorder preview promotion protectiondomain "
    "ptrqueue purge record redefine ref refine region reloc remset resolve safepoint "
    "sampling scavenge sealed setting smr stackbarrier stackmap stacktrace stackwalk "
    "start startup startuptime state stats streaming stringdedup stringtable subclass "
    "survivor suspend sweep symboltable system table task thread throttle time timer tlab "
    "tracking trimnative unload unshareable update valuebasedclasses verification verify "
    "vmmutex vmoperation vmthread vtables vtablestubs workgang";
static const char sets[] =
    "arguments attach biasedlocking biasedlocking+handshake cds cds+class cds+dynamic "
    "cds+hashtables cds+heap cds+heap+mirror cds+jvmti cds+lambda cds+map cds+mirror "
    "cds+reloc cds+unshareable cds+verification cds+vtables class class+init class+load "
    "class+load+placeholders class+loader+constraints class+loader+data class+nestmates "
    "class+path class+preorder class+preview class+resolve class+sealed class+unload "
    "class+unload+nmethod codecache codecache+sweep codecache+sweep+start compilation "
    "compilation+codecache decoder defaultmethods ergo exceptions gc gc+age gc+alloc "
    "gc+alloc+region gc+alloc+stats gc+barrier gc+bot gc+breakpoint gc+classhisto "
    "gc+classhisto+start gc+compaction gc+cpu gc+director gc+ergo gc+ergo+cset gc+ergo+heap "
    "gc+ergo+ihop gc+ergo+refine gc+heap gc+heap+coops gc+heap+exit gc+heap+numa "
    "gc+heap+region gc+heap+verify gc+humongous gc+ihop gc+init gc+jni gc+jvmci gc+liveness "
    "gc+load gc+marking gc+metaspace gc+metaspace+freelist gc+metaspace+freelist+oom gc+mmu "
    "gc+nmethod gc+nmethod+oops gc+periodic gc+phases gc+phases+ref gc+phases+start "
    "gc+phases+task gc+plab gc+promotion gc+ptrqueue+freelist gc+ref gc+ref+start gc+refine "
    "gc+refine+stats gc+region gc+region+cds gc+reloc gc+remset gc+remset+exit "
    "gc+remset+tracking gc+start gc+stats gc+task gc+task+start gc+task+time gc+tlab "
    "gc+verify gc+verify+start handshake handshake+task init interpreter+oopmap "
    "interpreter+safepoint itables jfr jfr+dcmd jfr+event jfr+metadata jfr+oldobject+sampling "
    "jfr+setting jfr+start jfr+startup jfr+system jfr+system+bytecode jfr+system+event "
    "jfr+system+metadata jfr+system+parser jfr+system+setting jfr+system+streaming "
    "jfr+system+throttle jit+compilation jit+inlining jit+thread jni+resolve jvmti "
    "jvmti+objecttagging jvmti+table library logging logging+thread membername+table "
    "membername+table+perf metaspace methodhandles methodhandles+condy methodhandles+indy "
    "module module+load module+patch module+unload monitorinflation monitorinflation+owner "
    "monitormismatch nmethod+barrier nmethod+install nmt oopstorage+blocks "
    "oopstorage+blocks+stats oopstorage+ref os os+container os+cpu os+thread os+thread+timer "
    "pagesize perf+datacreation perf+memops protectiondomain protectiondomain+table "
    "redefine+class redefine+class+annotation redefine+class+breakpoint "
    "redefine+class+constantpool redefine+class+dump redefine+class+iklass+add "
    "redefine+class+iklass+purge redefine+class+interpreter+oopmap redefine+class+load "
    "redefine+class+load+exceptions redefine+class+methodcomparator redefine+class+nestmates "
    "redefine+class+nmethod redefine+class+normalize redefine+class+obsolete "
    "redefine+class+obsolete+mark redefine+class+obsolete+metadata redefine+class+oopmap "
    "redefine+class+record redefine+class+stackmap redefine+class+subclass "
    "redefine+class+timer redefine+class+update redefine+class+update+constantpool "
    "redefine+class+update+itables redefine+class+update+vtables safepoint safepoint+cleanup "
    "safepoint+stats stackbarrier stacktrace stackwalk startuptime stringdedup "
    "stringdedup+init stringdedup+phases stringdedup+phases+start stringtable "
    "stringtable+perf symboltable symboltable+perf thread+smr thread+suspend thread+table "
    "trimnative valuebasedclasses verification vmoperation vmthread vtables vtablestubs";

/* ---- words ---- */

/* A tag's length in a text of any kind. */
static size_t length_of(const char *tag)
{
    return strcspn(tag, " +,");
}

/* The word behind one; NULL: it was the last. */
static const char *next_word(const char *word)
{
    word += strcspn(word, " ");
    return *word == ' ' ? word + 1 : NULL;
}

/* The tag behind one of the same set; NULL: it was the last. */
static const char *next_tag(const char *tag)
{
    tag += length_of(tag);
    return *tag == '+' || *tag == ',' ? tag + 1 : NULL;
}

static bool same(const char *tag, const char *other)
{
    size_t length = length_of(tag);
    return length == length_of(other) && strncmp(tag, other, length) == 0;
}

const char *jdk_log_tag(const char *name)
{
    size_t length = strlen(name);
    const char *tag = jdk_log_tag_names;
    while (tag != NULL && (length_of(tag) != length || strncasecmp(tag, name, length) != 0)) {
        tag = next_word(tag);
    }
    return tag;
}

void jdk_log_tag_alike(const char *name, struct st_buf *to)
{
    const char *best = NULL;
    double most = JDK_LOG_ALIKE;
    for (const char *tag = jdk_log_tag_names; tag != NULL; tag = next_word(tag)) {
        double like = jdk_likeness(tag, length_of(tag), name, strlen(name));
        if (like >= most) {
            most = like;
            best = tag;
        }
    }
    if (best != NULL) {
        (void)st_buf_printf(to, " Did you mean '%.*s'?", (int)length_of(best), best);
    }
}

/* ---- sets ---- */

void jdk_log_tags_text(const struct jdk_log_tags *tags, struct st_buf *to)
{
    for (unsigned i = 0; i < tags->count; i++) {
        (void)st_buf_printf(to, "%s%.*s", i != 0 ? "+" : "", (int)length_of(tags->of[i]),
                            tags->of[i]);
    }
    (void)st_buf_text(to, tags->wildcard ? "*" : "");
}

bool jdk_log_tags_have(const struct jdk_log_tags *tags, const char *tag)
{
    unsigned i = 0;
    while (i < tags->count && !same(tags->of[i], tag)) {
        i++;
    }
    return i < tags->count;
}

bool jdk_log_tags_select(const struct jdk_log_tags *selection, const char *set)
{
    unsigned found = 0;
    unsigned count = 0;
    for (const char *tag = set; tag != NULL; tag = next_tag(tag)) {
        found += jdk_log_tags_have(selection, tag);
        count++;
    }
    return selection->count == 0 ||
           (found == selection->count && (selection->wildcard || count == found));
}

/* How many sets are selected. */
static unsigned selected(const struct jdk_log_tags *selection)
{
    unsigned count = 0;
    for (const char *set = sets; set != NULL; set = next_word(set)) {
        count += jdk_log_tags_select(selection, set);
    }
    return count;
}

bool jdk_log_tags_select_any(const struct jdk_log_tags *selection)
{
    return selected(selection) != 0;
}

/* ---- what is alike ---- */

struct alike {
    struct jdk_log_tags tags;
    unsigned like;     /* the share of tags that are in both, of 1,000 */
    unsigned selected; /* sets */
};

static struct jdk_log_tags tags_of(const char *set)
{
    struct jdk_log_tags tags = {.wildcard = true};
    for (; set != NULL && tags.count < JDK_LOG_TAGS_MAX; set = next_tag(set)) {
        tags.of[tags.count++] = set;
    }
    return tags;
}

static struct alike compare(const struct jdk_log_tags *selection, const struct jdk_log_tags *other)
{
    struct alike alike = {.tags = *other, .selected = selected(other)};
    unsigned common = 0;
    for (unsigned i = 0; i < other->count; i++) {
        common += jdk_log_tags_have(selection, other->of[i]);
    }
    alike.like = 2000 * common / (selection->count + other->count);
    alike.tags.wildcard = alike.selected > 1;
    return alike;
}

/* The liker one, then that of fewer tags, then that which selects more. */
static bool is_better(const struct alike *one, const struct alike *other)
{
    if (one->like != other->like) {
        return one->like > other->like;
    }
    if (one->tags.count != other->tags.count) {
        return one->tags.count < other->tags.count;
    }
    return one->selected > other->selected;
}

/* Keeps one if it is among the best. */
static void keep(struct alike *best, unsigned room, unsigned *count, const struct alike *one)
{
    enum { LEAST = 300 };
    unsigned at = *count;
    if (one->selected == 0 || one->like < LEAST) {
        return;
    }
    while (at > 0 && is_better(one, &best[at - 1])) {
        at--;
    }
    if (at < room) {
        *count = ST_MIN(*count + 1, room);
        memmove(&best[at + 1], &best[at], (*count - at - 1) * sizeof *best);
        best[at] = *one;
    }
}

void jdk_log_tags_alike(const struct jdk_log_tags *selection, struct st_buf *to)
{
    enum { ROOM = 5 };
    struct alike best[ROOM];
    unsigned count = 0;
    struct jdk_log_tags wide = *selection;
    wide.wildcard = true;
    struct alike one = compare(selection, &wide);
    one.tags.wildcard = true;
    keep(best, ROOM, &count, &one);
    for (const char *set = sets; set != NULL; set = next_word(set)) {
        struct jdk_log_tags tags = tags_of(set);
        one = compare(selection, &tags);
        keep(best, ROOM, &count, &one);
    }
    (void)st_buf_text(to, count != 0 ? " Did you mean any of the following?" : "");
    for (unsigned i = 0; i < count; i++) {
        (void)st_buf_char(to, ' ');
        jdk_log_tags_text(&best[i].tags, to);
    }
}
