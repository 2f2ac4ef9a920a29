/*
 * The PCI transport of virtio devices (virtio 1.2, 4.1), without the legacy interface. One memory
 * BAR holds the four structures, MSI-X has another.
 */
#pragma once

#include "devices/dev_pci.h"
#include "virtio/vio_device.h"

/* Plugs a virtio device into a slot (DEV_PCI_SLOTS: the first free one); it is owned from here on,
 * also on failure. Returns the slot, or what dev_pci_plug fails with; -ST_ENOMEM also for device
 * NULL. Device lock held. */
int vio_pci_plug(struct dev_pci_host *host, struct platform *platform, struct vio_device *device,
                 unsigned slot) ST_MUST_CHECK;
