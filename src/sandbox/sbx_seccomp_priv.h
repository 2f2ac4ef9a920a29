/* What the files of the seccomp compiler share. */
#pragma once

/* Set in the number of each x32 call. */
#define SBX_X32_BIT 0x40000000U
