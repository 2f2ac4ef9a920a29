/*
 * An instance's root folder: an overlay of its image's layers and a layer of its own, mounted in a
 * mount namespace that only the monitor is in. It ends with the last process in it, so no crash can
 * leave a mount behind.
 */
#pragma once

#include "engine/monitor/mon_config.h"

/* Enters a new mount namespace and mounts the root on "rootfs" in the current folder. Returns a
 * descriptor (O_PATH) of the root folder, or -ST_Exxx with *ret_what saying which step failed
 * (static storage). *ret_home is the namespace that was left, or an error: closing it is the
 * caller's in both cases. */
int mon_mount_root(const struct mon_config *config, int *ret_home, const char **ret_what);
