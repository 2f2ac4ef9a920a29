/*
 * The collector's view of classes and loaders. The world is stopped.
 */
#pragma once

#include "jvm/gc/jgc.h"
#include "jvm/runtime/jrt_loader_priv.h"

void jrt_loaders_roots(struct jgc_visitor *visitor);
void jrt_loaders_update(void);

/* jrt_loader.c: all loaders but the boot loader; those without an object are forgotten. */
struct jrt_loader *jrt_first_loader(void);
struct jrt_loader *jrt_next_loader(const struct jrt_loader *loader);
void jrt_free_loaders(void (*forget)(struct jrt_loader *loader));
