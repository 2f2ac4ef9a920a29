/* Where the instructions of translated code stand in the bytecode: see jin_code.h. */
#include "jvm/interpreter/jin_code.h"

uint32_t jin_bytecode_index(const struct jin_code *code, uint32_t insn)
{
    const struct jin_place *places = jin_places(code);
    uint32_t low = 0;
    uint32_t high = code->place_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (places[middle].insn <= insn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : places[low - 1].bytecode_index;
}

uint32_t jin_insn_at(const struct jin_code *code, uint32_t bytecode_index)
{
    const struct jin_leader *leaders = jin_leaders(code);
    uint32_t low = 0;
    uint32_t high = code->leader_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (leaders[middle].bytecode_index < bytecode_index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < code->leader_count && leaders[low].bytecode_index == bytecode_index
               ? leaders[low].insn
               : UINT32_MAX;
}
