/*
 * Where fields lie: an instance's after its superclass's, whose last gap they fill, wide ones
 * first and references side by side; static ones in the mirror behind the fields of
 * java.lang.Class, references first.
 */
#pragma once

#include "base/arena.h"
#include "jvm/runtime/jrt_loader_priv.h"

/* Sets the fields' offsets, fields_end and the struct job_class's sizes and runs; those of injected
 * fields of known classes go to jrt_known. `kind` is set already. false: out of memory. */
bool jrt_lay_out(struct jrt_class *class, struct st_arena *scratch);

/* Classes laid out before java.lang.Class have static offsets from 0: moves them behind its fields.
 */
void jrt_lay_out_statics_again(struct jrt_class *class);
