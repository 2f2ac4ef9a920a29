/* What the hostile guest's second CPU shares with its first. */
#pragma once

/* Where the second CPU begins in real mode, and the code that is copied there. */
#define HOSTILE_TRAMPOLINE 0x8000

#ifndef __ASSEMBLER__
extern const char hostile_trampoline[], hostile_trampoline_end[];
/* What it does: never returns. */
void hostile_second(void);
#endif
