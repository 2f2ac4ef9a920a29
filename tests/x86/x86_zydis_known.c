/* Differences to Zydis that are as they should be. */
#include "x86_zydis.h"

#include <string.h>

#include "base/attr.h"
#include "x86/x86_format.h"

/* Extensions that this CPU does not have: #UD, or what their bytes were before. */
static const ZydisISAExt extensions[] = {
    ZYDIS_ISA_EXT_AMX_BF16,  ZYDIS_ISA_EXT_AMX_INT8,    ZYDIS_ISA_EXT_AMX_TILE,
    ZYDIS_ISA_EXT_AVX512VEX, ZYDIS_ISA_EXT_AVX_VNNI,    ZYDIS_ISA_EXT_CET,
    ZYDIS_ISA_EXT_CLZERO,    ZYDIS_ISA_EXT_ENQCMD,      ZYDIS_ISA_EXT_FMA4,
    ZYDIS_ISA_EXT_GFNI,      ZYDIS_ISA_EXT_KEYLOCKER,   ZYDIS_ISA_EXT_KEYLOCKER_WIDE,
    ZYDIS_ISA_EXT_KNC,       ZYDIS_ISA_EXT_KNCV,        ZYDIS_ISA_EXT_MOVDIR,
    ZYDIS_ISA_EXT_PADLOCK,   ZYDIS_ISA_EXT_PCONFIG,     ZYDIS_ISA_EXT_PT,
    ZYDIS_ISA_EXT_RDPRU,     ZYDIS_ISA_EXT_RTM,         ZYDIS_ISA_EXT_SMX,
    ZYDIS_ISA_EXT_SSE4A,     ZYDIS_ISA_EXT_SVM,         ZYDIS_ISA_EXT_TSX_LDTRK,
    ZYDIS_ISA_EXT_UINTR,     ZYDIS_ISA_EXT_VAES,        ZYDIS_ISA_EXT_VPCLMULQDQ,
    ZYDIS_ISA_EXT_VTX,       ZYDIS_ISA_EXT_WAITPKG,     ZYDIS_ISA_EXT_XOP,
    ZYDIS_ISA_EXT_HRESET,    ZYDIS_ISA_EXT_MCOMMIT,     ZYDIS_ISA_EXT_SNP,
    ZYDIS_ISA_EXT_TDX,       ZYDIS_ISA_EXT_AMD_INVLPGB, ZYDIS_ISA_EXT_SGX,
    ZYDIS_ISA_EXT_SGX_ENCLV, ZYDIS_ISA_EXT_MONITORX,    ZYDIS_ISA_EXT_VMFUNC,
    ZYDIS_ISA_EXT_AMD3DNOW,
};

static bool is_missing_extension(ZydisISAExt ext)
{
    for (size_t i = 0; i < ST_COUNT(extensions); i++) {
        if (extensions[i] == ext) {
            return true;
        }
    }
    return false;
}

/* Differences in one fact of some instructions. */
static const struct {
    const char *what;
    const char *names; /* our mnemonics, between blanks */
    const char *reason;
} facts[] = {
    {"flags written", " sbb ", "SBB sets AF (SDM 2B), Zydis has it undefined"},
    {"flags written", " rol ror rcl rcr shl shr sar shld shrd ",
     "OF is defined for counts of 1 (SDM 2B), Zydis has it undefined for all"},
    {"flags undefined", " rol ror rcl rcr shl shr sar shld shrd ",
     "OF is defined for counts of 1 (SDM 2B), Zydis has it undefined for all"},
    {"flags undefined", " mov ",
     "moves of control and debug registers leave flags undefined (SDM 2B)"},
    {"flags written", " bextr ", "BEXTR clears CF and OF and sets ZF (SDM 2A)"},
    {"flags written", " vptest vtestps vtestpd ", "OF, SF, AF and PF are cleared (SDM 2B, 2C)"},
    {"flags read", " syscall ", "SYSCALL saves RFLAGS in R11"},
    {"flags written", " int1 ", "INT1 clears TF and others as INT3 does"},
    {"memory width", " clflush clflushopt clwb ", "a byte is addressed, Zydis shows the line"},
    {"memory width", " movsxd ", "with operand size 16 the source has 16 bits (SDM 2B)"},
    {"flags read", " cmpsb cmpsw cmpsd cmpsq scasb scasw scasd scasq ",
     "REPE and REPNE look at the ZF that each comparison made, not at the one before"},
    {"implicit registers", " monitor ", "its address is a memory operand here"},
    {"mnemonic", " xchg ", "F3 REX.B 90 exchanges (tried on a CPU), Zydis has PAUSE"},
    {"mnemonic", " wbnoinvd ", "Zydis shows WBINVD in some modes"},
    {"number of operands", " fucomp ", "FUCOMP ST(i) (SDM 2A), Zydis shows ST(0)"},
    {"only ours decodes", " vpinsrw vpinsrb vpextrw vpextrb ", "VEX.W is ignored (tried on a CPU)"},
    {"access", " bsf bsr lsl ", "the target is kept in some cases, so it counts as read"},
    {"access",
     " cmovo cmovno cmovb cmovae cmovz cmovnz cmovbe cmova cmovs cmovns cmovp cmovnp cmovl cmovge"
     " cmovle cmovg fcmovb fcmove fcmovbe fcmovu fcmovnb fcmovne fcmovnbe fcmovnu ",
     "a move that does not happen keeps the target (and clears its upper half), so it reads it"},
    {"access",
     " movlps movhlps movhps movlhps movlpd movhpd movss movsd cvtpi2ps sqrtss sqrtsd rsqrtss rcpss"
     " cvtss2sd cvtsd2ss roundss roundsd ",
     "the rest of the target is kept, so it counts as read"},
    {"segment", " jmp call ", "3E is a DS override here, NOTRACK in Zydis"},
    {"segment", " lea ", "LEA uses no segment"},
    {"implicit registers", " pusha pushad popa popad ", "all registers: the mnemonic says so"},
    {"number of operands", " sha256rnds2 pblendvb blendvps blendvpd ",
     "XMM0 is in the text (SDM 2), Zydis hides it"},
};

static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at++) {
        if (at > words && at[-1] == ' ' && at[length] == ' ') {
            return true;
        }
    }
    return false;
}

static const char *known_fact(const struct zy_case *c, const char *what)
{
    char name[X86_MNEMONIC_MAX];
    x86_format_mnemonic(&c->insn, name, sizeof(name));
    for (size_t i = 0; i < ST_COUNT(facts); i++) {
        if (strcmp(facts[i].what, what) == 0 && has_word(facts[i].names, name)) {
            return facts[i].reason;
        }
    }
    return NULL;
}

const char *zy_known(const struct zy_case *c, const char *what)
{
    bool theirs = ZYAN_SUCCESS(c->z_status);
    if (theirs && c->z.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
        c->z.encoding != ZYDIS_INSTRUCTION_ENCODING_VEX) {
        return "EVEX, MVEX, XOP and 3DNow! are not of this CPU";
    }
    if (theirs && is_missing_extension(c->z.meta.isa_ext)) {
        return ZydisISAExtGetString(c->z.meta.isa_ext);
    }
    if (c->result <= 0) {
        return NULL;
    }
    if (strcmp(what, "base or index") == 0 && c->insn.mem.base < 0 && c->insn.modrm < 0x40) {
        return "SIB base 5 with mod 0 is none, with REX.B too (SDM 2A table 2-5)";
    }
    return known_fact(c, what);
}
