/* Paging: who may do what, error codes, A and D, what a TLB may keep. */
#include "cpu/cpu_machine_test.h"

enum {
    PT = TABLES + 0x3000, /* of the first 2 MiB */
    PD = TABLES + 0x2000,
    PAGE = 0x60000, /* a page whose entry tests change */
};

static uint64_t pte(void)
{
    return get64(PT + (PAGE >> 12) * 8);
}

static void set_pte(uint64_t entry)
{
    put64(PT + (PAGE >> 12) * 8, entry);
}

/* mov [PAGE], eax; mov eax, [PAGE]; call PAGE; hlt -- one of them */
static void store(void)
{
    RUN(0x89, 0x04, 0x25, 0, 0, 6, 0, 0xf4);
}

static void load(void)
{
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0xf4);
}

static void fetch(void)
{
    RUN(0x48, 0xc7, 0xc0, 0, 0, 6, 0, 0xff, 0xd0, 0xf4);
}

static void assert_page_fault(uint64_t error)
{
    assert_vector(14);
    assert_int_equal(frame64(0), error);
    assert_int_equal(tm.state.cr2, PAGE);
}

static void accessed_and_dirty_bits_are_set(void **state)
{
    (void)state;
    long_mode(0);
    set_pte(PAGE | 3);
    load();
    assert_halted(CODE + 8);
    assert_int_equal(pte(), PAGE | 0x23);
    long_mode(0);
    tm.state.activity = VCPU_RUNNING;
    set_pte(PAGE | 3);
    store();
    assert_int_equal(pte(), PAGE | 0x63);
    assert_int_equal(get64(TABLES) & 0x20, 0x20);
}

static void a_write_after_a_read_sets_dirty(void **state)
{
    (void)state;
    long_mode(0);
    set_pte(PAGE | 3);
    /* mov eax, [PAGE]; mov [PAGE], eax; hlt */
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0x89, 0x04, 0x25, 0, 0, 6, 0, 0xf4);
    assert_halted(CODE + 15);
    assert_int_equal(pte(), PAGE | 0x63);
}

static void error_codes_tell_who_did_what(void **state)
{
    static const struct {
        uint64_t entry;
        unsigned cpl;
        unsigned what; /* 0 load, 1 store, 2 fetch */
        uint64_t error;
    } cases[] = {
        {PAGE | 6, 0, 0, 0},
        {PAGE | 6, 0, 1, 2},
        {PAGE | 6, 0, 2, 0x10},
        {PAGE | 6, 3, 0, 4},
        {PAGE | 6, 3, 2, 0x14},
        {PAGE | 3, 3, 0, 5}, /* a supervisor's page */
        {PAGE | 5, 3, 1, 7}, /* read-only */
        {PAGE | 1, 0, 1, 3}, /* read-only, CR0.WP */
        {PAGE | 7 | X86_PTE_NX, 0, 2, 0x11},
        {PAGE | 7 | X86_PTE_NX, 3, 2, 0x15},
        {PAGE | 7 | 1ull << 50, 0, 0, 9}, /* beyond the address width */
        {PAGE | 7 | 1ull << 50, 3, 1, 0xf},
    };

    (void)state;
    for (unsigned i = 0; i < ST_COUNT(cases); i++) {
        long_mode(cases[i].cpl);
        tm.state.activity = VCPU_RUNNING;
        set_pte(cases[i].entry);
        switch (cases[i].what) {
        case 0:
            load();
            break;
        case 1:
            store();
            break;
        default:
            fetch();
            break;
        }
        assert_page_fault(cases[i].error);
    }
}

static void supervisor_writes_read_only_pages_without_wp(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.cr0 &= ~(uint64_t)X86_CR0_WP;
    set_pte(PAGE | 1);
    store();
    assert_halted(CODE + 8);
}

static void smep_and_smap_keep_the_kernel_out_of_user_pages(void **state)
{
    (void)state;
    long_mode(0);
    /* The kernel's own pages must not be the user's. */
    for (unsigned i = 0; i < 512; i++) {
        put64(PT + i * 8, (uint64_t)i << 12 | 3);
    }
    set_pte(PAGE | 7);
    tm.state.cr4 |= X86_CR4_SMEP | X86_CR4_SMAP;
    fetch();
    assert_page_fault(0x11);
    long_mode(0);
    for (unsigned i = 0; i < 512; i++) {
        put64(PT + i * 8, (uint64_t)i << 12 | 3);
    }
    set_pte(PAGE | 7);
    tm.state.activity = VCPU_RUNNING;
    tm.state.cr4 |= X86_CR4_SMEP | X86_CR4_SMAP;
    /* stac; mov eax, [PAGE]; clac; mov eax, [PAGE] */
    RUN(0x0f, 0x01, 0xcb, 0x8b, 0x04, 0x25, 0, 0, 6, 0, 0x0f, 0x01, 0xca, 0x8b, 0x04, 0x25, 0, 0, 6,
        0, 0xf4);
    assert_page_fault(1);
    assert_int_equal(frame64(1), CODE + 13);
}

static void invlpg_drops_what_was_kept(void **state)
{
    (void)state;
    long_mode(0);
    set_pte(PAGE | 3);
    put64(PAGE, 1);
    put64(PAGE + 0x1000, 2);
    /* mov eax, [PAGE]; lock add qword [PT entry], 1000h; mov ebx, [PAGE]; invlpg [PAGE];
     * mov ecx, [PAGE]; hlt */
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0xf0, 0x48, 0x81, 0x04, 0x25, 0x00, 0x33, 1, 0, 0, 0x10, 0, 0,
        0x8b, 0x1c, 0x25, 0, 0, 6, 0, 0x0f, 0x01, 0x3c, 0x25, 0, 0, 6, 0, 0x8b, 0x0c, 0x25, 0, 0, 6,
        0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RAX], 1);
    assert_int_equal(tm.state.gpr[X86_RBX], 1);
    assert_int_equal(tm.state.gpr[X86_RCX], 2);
}

static void invlpg_inside_a_large_page_drops_all_of_it(void **state)
{
    (void)state;
    long_mode(0);
    put64(0x300000, 1);
    put64(0x500000, 2);
    /* mov eax, [300000h]; add qword [PD + 8], 200000h; invlpg [3ff000h]; mov ecx, [300000h]; hlt */
    RUN(0x8b, 0x04, 0x25, 0, 0, 0x30, 0, 0x48, 0x81, 0x04, 0x25, 0x08, 0x20, 1, 0, 0, 0, 0x20, 0,
        0x0f, 0x01, 0x3c, 0x25, 0, 0xf0, 0x3f, 0, 0x8b, 0x0c, 0x25, 0, 0, 0x30, 0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RAX], 1);
    assert_int_equal(tm.state.gpr[X86_RCX], 2);
}

static void a_store_across_pages_that_faults_stores_nothing(void **state)
{
    (void)state;
    long_mode(0);
    set_pte(0);
    put64(PAGE - 8, 0);
    tm.state.gpr[X86_RAX] = ~0ull;
    /* mov [PAGE - 4], rax */
    RUN(0x48, 0x89, 0x04, 0x25, 0xfc, 0xff, 5, 0, 0xf4);
    assert_page_fault(2);
    assert_int_equal(get64(PAGE - 8), 0);
}

static void accesses_across_pages_join(void **state)
{
    (void)state;
    long_mode(0);
    /* The second page is not adjacent. */
    set_pte(0x70000 | 3);
    tm.state.gpr[X86_RAX] = 0x1122334455667788;
    /* mov [PAGE - 4], rax; lock add [PAGE - 4], rax; mov rbx, [PAGE - 4]; hlt */
    RUN(0x48, 0x89, 0x04, 0x25, 0xfc, 0xff, 5, 0, 0xf0, 0x48, 0x01, 0x04, 0x25, 0xfc, 0xff, 5, 0,
        0x48, 0x8b, 0x1c, 0x25, 0xfc, 0xff, 5, 0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RBX], 0x22446688aaccef10);
    assert_int_equal(get32(PAGE - 4), 0xaaccef10);
    assert_int_equal(get32(0x70000), 0x22446688);
}

static void devices_are_reached_through_the_bus(void **state)
{
    (void)state;
    long_mode(0);
    set_pte(0xd0000000 | 3);
    /* mov ecx, [PAGE + 4]; mov [PAGE + 16], ecx; hlt */
    RUN(0x8b, 0x0c, 0x25, 4, 0, 6, 0, 0x89, 0x0c, 0x25, 16, 0, 6, 0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RCX], 0x44332211);
    assert_int_equal(tm.last_address, 0xd0000010);
    assert_int_equal(tm.last_value, 0x44332211);
}

static void non_canonical_addresses_are_no_page_faults(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.gpr[X86_RBX] = 1ull << 47;
    RUN(0x8b, 0x03, 0xf4); /* mov eax, [rbx] */
    assert_vector(13);
    assert_int_equal(frame64(0), 0);
    long_mode(0);
    tm.state.activity = VCPU_RUNNING;
    tm.state.gpr[X86_RBP] = 1ull << 47;
    RUN(0x8b, 0x45, 0x00, 0xf4); /* mov eax, [rbp] */
    assert_vector(12);
}

static void pcids_keep_their_entries(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.cr4 |= X86_CR4_PCIDE;
    tm.state.gpr[X86_RSI] = TABLES | 1;
    tm.state.gpr[X86_RDI] = TABLES | 1ull << 63;
    put64(PAGE, 1);
    put64(PAGE + 0x1000, 2);
    set_pte(PAGE | 3);
    /* mov eax, [PAGE] (PCID 0); mov cr3, rsi (PCID 1); add [PTE], 1000h; mov cr3, rdi (no flush);
     * mov ebx, [PAGE]: kept; mov cr3, TABLES; mov ecx, [PAGE]: new; hlt */
    tm.state.gpr[X86_RBP] = TABLES;
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0x0f, 0x22, 0xde, 0x48, 0x81, 0x04, 0x25, 0x00, 0x33, 1, 0, 0,
        0x10, 0, 0, 0x0f, 0x22, 0xdf, 0x8b, 0x1c, 0x25, 0, 0, 6, 0, 0x0f, 0x22, 0xdd, 0x8b, 0x0c,
        0x25, 0, 0, 6, 0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RAX], 1);
    assert_int_equal(tm.state.gpr[X86_RBX], 1);
    assert_int_equal(tm.state.gpr[X86_RCX], 2);
    assert_int_equal(tm.state.cr3, TABLES);
}

static int setup_keys(void **state)
{
    struct cpu_config config = {.count = 1};
    struct st_err err;

    (void)state;
    assert_int_equal(cpu_model_parse("baseline,+pku,+pks", &config, &err), 0);
    return machine_setup_config(&config);
}

enum { KEY_1_NO_ACCESS = 4, KEY_1_NO_WRITE = 8 };
#define KEY_1 (UINT64_C(1) << X86_PTE_KEY_SHIFT)

static void a_protection_key_forbids_data_of_user_pages(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.cr4 |= X86_CR4_PKE;
    set_pte(PAGE | 7 | KEY_1);
    put64(PAGE, 0xf4); /* code is not data */
    /* mov eax, [PAGE]; mov eax, KEY_1_NO_ACCESS; xor ecx, ecx; xor edx, edx; wrpkru;
     * mov ebx, [PAGE] */
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0xb8, KEY_1_NO_ACCESS, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0x0f,
        0x01, 0xef, 0x8b, 0x1c, 0x25, 0, 0, 6, 0, 0xf4);
    assert_vector(14);
    assert_int_equal(frame64(0), X86_PF_P | X86_PF_PK);
    assert_int_equal(tm.state.cr2, PAGE);
    assert_int_equal(tm.state.pkru, KEY_1_NO_ACCESS);
    long_mode(0);
    tm.state.activity = VCPU_RUNNING;
    tm.state.cr4 |= X86_CR4_PKE;
    set_pte(PAGE | 7 | KEY_1);
    tm.state.gpr[X86_RAX] = PAGE;
    RUN(0xff, 0xe0); /* jmp rax */
    assert_halted(PAGE + 1);
}

static void a_protection_key_forbids_writing(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.cr4 |= X86_CR4_PKE;
    tm.state.pkru = KEY_1_NO_WRITE;
    set_pte(PAGE | 7 | KEY_1);
    put64(PAGE, 5);
    /* mov eax, [PAGE]; mov [PAGE], eax */
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0x89, 0x04, 0x25, 0, 0, 6, 0, 0xf4);
    assert_vector(14);
    assert_int_equal(tm.state.gpr[X86_RAX], 5);
    assert_int_equal(frame64(0), X86_PF_P | X86_PF_W | X86_PF_PK);
}

static void supervisor_pages_have_keys_of_their_own(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.cr4 |= X86_CR4_PKS | X86_CR4_PKE;
    tm.state.pkru = KEY_1_NO_ACCESS;
    set_pte(PAGE | 3 | KEY_1);
    put64(PAGE, 5);
    tm.state.gpr[X86_RCX] = X86_MSR_PKRS;
    /* mov eax, [PAGE]; mov ebx, eax; mov eax, KEY_1_NO_ACCESS; xor edx, edx; wrmsr;
     * mov eax, [PAGE] */
    RUN(0x8b, 0x04, 0x25, 0, 0, 6, 0, 0x89, 0xc3, 0xb8, KEY_1_NO_ACCESS, 0, 0, 0, 0x31, 0xd2, 0x0f,
        0x30, 0x8b, 0x04, 0x25, 0, 0, 6, 0, 0xf4);
    assert_vector(14);
    assert_int_equal(tm.state.gpr[X86_RBX], 5);
    assert_int_equal(frame64(0), X86_PF_P | X86_PF_PK);
}

static void keys_must_be_asked_for(void **state)
{
    (void)state;
    long_mode(0);
    RUN(0x31, 0xc9, 0x0f, 0x01, 0xee, 0xf4); /* xor ecx, ecx; rdpkru */
    assert_vector(6);
}

static void legacy_paging_knows_4_mib_pages(void **state)
{
    (void)state;
    protected_mode(0);
    tm.state.cr0 |= X86_CR0_PG | X86_CR0_WP;
    tm.state.cr4 = X86_CR4_PSE;
    tm.state.cr3 = TABLES;
    memset(tm.ram + TABLES, 0, 4096);
    put64(TABLES, 0x83);         /* the first 4 MiB at 0 ... */
    put64(TABLES + 4, 0x400083); /* ... the next ones */
    put64(TABLES + 8 * 4, 0x800087);
    put64(0x812340, 77);
    /* mov eax, [2012340h]; mov [1c00000h], eax: not present */
    RUN(0xa1, 0x40, 0x23, 0x01, 0x02, 0xa3, 0, 0, 0xc0, 0x01, 0xf4);
    assert_vector(14);
    assert_int_equal(tm.state.gpr[X86_RAX], 77);
    assert_int_equal(frame32(0), 2);
    assert_int_equal(tm.state.cr2, 0x1c00000);
}

static void pae_loads_its_pointers_with_cr3(void **state)
{
    (void)state;
    protected_mode(0);
    tm.state.cr4 = X86_CR4_PAE;
    /* Page-directory-pointer table: 4 entries, the first maps 2 MiB pages. */
    memset(tm.ram + TABLES, 0, 0x2000);
    put64(TABLES, (TABLES + 0x1000) | 1);
    for (unsigned i = 0; i < 8; i++) {
        put64(TABLES + 0x1000 + i * 8, (uint64_t)i << 21 | 0x83);
    }
    tm.state.gpr[X86_RBX] = TABLES;
    /* mov cr3, ebx; mov eax, cr0; or eax, 80000000h; mov cr0, eax; mov dword [TABLES], 0;
     * mov ecx, [DATA]; mov dword [TABLES], 1e6h | 1; mov cr3, ebx: #GP */
    put64(DATA, 5);
    RUN(0x0f, 0x22, 0xdb, 0x0f, 0x20, 0xc0, 0x0d, 0, 0, 0, 0x80, 0x0f, 0x22, 0xc0, 0xc7, 0x05, 0, 0,
        1, 0, 0, 0, 0, 0, 0x8b, 0x0d, 0, 0, 5, 0, 0xc7, 0x05, 0, 0, 1, 0, 0xe7, 1, 0, 0, 0x0f, 0x22,
        0xdb, 0xf4);
    assert_vector(13);
    assert_int_equal(tm.state.gpr[X86_RCX], 5);
    assert_int_equal(frame32(1), CODE + 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(accessed_and_dirty_bits_are_set),
        TEST(a_write_after_a_read_sets_dirty),
        TEST(error_codes_tell_who_did_what),
        TEST(supervisor_writes_read_only_pages_without_wp),
        TEST(smep_and_smap_keep_the_kernel_out_of_user_pages),
        TEST(invlpg_drops_what_was_kept),
        TEST(invlpg_inside_a_large_page_drops_all_of_it),
        TEST(a_store_across_pages_that_faults_stores_nothing),
        TEST(accesses_across_pages_join),
        TEST(devices_are_reached_through_the_bus),
        TEST(non_canonical_addresses_are_no_page_faults),
        TEST(pcids_keep_their_entries),
        cmocka_unit_test_setup_teardown(a_protection_key_forbids_data_of_user_pages, setup_keys,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(a_protection_key_forbids_writing, setup_keys,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(supervisor_pages_have_keys_of_their_own, setup_keys,
                                        machine_teardown),
        TEST(keys_must_be_asked_for),
        TEST(legacy_paging_knows_4_mib_pages),
        TEST(pae_loads_its_pointers_with_cr3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
