/*
 * Page tables: the monitor's, and those of cases in three formats, each for cases of level 0 to 2
 * (their code and data are the supervisor's) and of level 3. All map one to one; some pages among
 * code, data and stack are special (CASES_PAGE_x).
 */
#include "base/memops.h"
#include "cases/cases.h"
#include "cases/cases_tables.h"
#include "x86/x86_regs.h"

enum { PRESENT = 1, WRITABLE = 2, USER = 4, LARGE = 0x80, MIB_2 = 0x200000 };
enum { FIRST = CASES_CODE >> 12, LAST = 0x70 };

struct cases_roots cases_roots;

static _Alignas(4096) uint64_t monitor[3][512];
static _Alignas(4096) uint64_t four[2][4][512], pae[2][3][512];
static _Alignas(4096) uint32_t legacy[2][2][1024];

static uint32_t address(const void *table)
{
    return (uint32_t)(uintptr_t)table;
}

/* The entry of a page of the first 2 MiB. */
static uint64_t page_entry(unsigned page, bool user, bool nx)
{
    uint32_t offset = (page << 12) & 0xffff;
    uint64_t entry = (uint64_t)page << 12 | PRESENT | WRITABLE;
    bool code = page >> 4 == CASES_CODE >> 16;

    if (page < FIRST || page >= LAST || (page >= 0x60 && page < LAST)) {
        return entry;
    }
    if (page >> 4 != CASES_CODE >> 16 && page >> 4 != CASES_DATA >> 16 &&
        page >> 4 != CASES_STACK >> 16) {
        return entry | (user ? USER : 0);
    }
    switch (offset) {
    case CASES_PAGE_ABSENT:
        return entry & ~(uint64_t)PRESENT;
    case CASES_PAGE_READ_ONLY:
        return (entry & ~(uint64_t)WRITABLE) | (user ? USER : 0);
    case CASES_PAGE_OTHER:
        return entry | (user ? 0 : USER);
    case CASES_PAGE_NX:
        return entry | (user ? USER : 0) | (nx && code ? X86_PTE_NX : 0);
    default:
        return entry | (user ? USER : 0);
    }
}

void cases_paging_reset(void)
{
    for (unsigned user = 0; user < 2; user++) {
        /* QEMU sets a bit in it that is reserved (SDM 3A 4.4.1), which KVM then refuses. */
        pae[user][0][0] = address(pae[user][1]) | PRESENT;
        for (unsigned page = FIRST; page < LAST; page++) {
            four[user][3][page] = page_entry(page, user != 0, true);
            pae[user][2][page] = page_entry(page, user != 0, true);
            legacy[user][1][page] = (uint32_t)page_entry(page, user != 0, false);
        }
    }
}

void cases_paging_make(void)
{
    const uint64_t upper = PRESENT | WRITABLE | USER;

    monitor[0][0] = address(monitor[1]) | upper;
    monitor[1][0] = address(monitor[2]) | upper;
    for (unsigned i = 0; i < 512; i++) {
        monitor[2][i] = (uint64_t)i * MIB_2 | PRESENT | WRITABLE | LARGE;
    }
    cases_roots.monitor = address(monitor[0]);
    for (unsigned user = 0; user < 2; user++) {
        four[user][0][0] = address(four[user][1]) | upper;
        four[user][1][0] = address(four[user][2]) | upper;
        four[user][2][0] = address(four[user][3]) | upper;
        pae[user][0][0] = address(pae[user][1]) | PRESENT;
        pae[user][1][0] = address(pae[user][2]) | upper;
        for (unsigned i = 1; i < 8; i++) {
            four[user][2][i] = (uint64_t)i * MIB_2 | PRESENT | WRITABLE | LARGE;
            pae[user][1][i] = four[user][2][i];
        }
        for (unsigned page = 0; page < 512; page++) {
            four[user][3][page] = page_entry(page, user != 0, true);
            pae[user][2][page] = page_entry(page, user != 0, true);
        }
        legacy[user][0][0] = address(legacy[user][1]) | (uint32_t)upper;
        for (unsigned page = 0; page < 1024; page++) {
            legacy[user][1][page] = (uint32_t)page_entry(page, user != 0, false);
        }
        cases_roots.four[user] = address(four[user][0]);
        cases_roots.pae[user] = address(pae[user][0]);
        cases_roots.legacy[user] = address(legacy[user][0]);
    }
}

uint64_t cases_paging_digest(uint64_t digest, unsigned paging, unsigned user)
{
    if (paging == CASES_PAGING_LONG) {
        return cases_digest(digest, &four[user][3][FIRST], (LAST - FIRST) * 8);
    }
    if (paging == CASES_PAGING_PAE) {
        return cases_digest(digest, &pae[user][2][FIRST], (LAST - FIRST) * 8);
    }
    if (paging == CASES_PAGING_32) {
        return cases_digest(digest, &legacy[user][1][FIRST], (LAST - FIRST) * 4);
    }
    return digest;
}
