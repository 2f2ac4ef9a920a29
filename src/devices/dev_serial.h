/*
 * A serial port: 16550A UART (National Semiconductor PC16550D) over a stream of bytes. The line has
 * no speed: what is written leaves as fast as the stream takes it. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"
#include "platform/plat_backend.h"

enum { DEV_SERIAL_FIFO = 16, DEV_SERIAL_OUT = 256 };

struct dev_serial {
    struct plat_stream *stream; /* [I] */
    struct dev_line output;     /* [I] */
    uint8_t ier, lcr, mcr, scratch;
    uint8_t fcr;        /* FIFO control as written: bit 0 enable, 7-6 trigger */
    uint8_t lsr_errors; /* overrun, until read */
    uint8_t msr_delta;
    uint16_t divisor;
    bool thr_empty_pending; /* the transmitter's interrupt */
    uint8_t in[DEV_SERIAL_FIFO];
    unsigned in_count;
    uint8_t out[DEV_SERIAL_OUT]; /* what the stream has not taken yet */
    unsigned out_count;
    bool wants_input; /* the stream was told that there is no room */
    struct dev_region region;
};

/* Takes the stream: sets its receive, ready and device. */
void dev_serial_init(struct dev_serial *serial, struct dev_bus *bus, uint16_t base,
                     struct dev_line output, struct plat_stream *stream);
void dev_serial_reset(struct dev_serial *serial);
