/* A 16550A serial port. */
#include "devices/dev_serial.h"

#include "base/memops.h"

enum {
    IER_RECEIVED = 1,
    IER_THR_EMPTY = 2,
    IER_LINE_STATUS = 4,
    IER_MODEM_STATUS = 8,
    IIR_NONE = 1,
    IIR_MODEM_STATUS = 0,
    IIR_THR_EMPTY = 2,
    IIR_RECEIVED = 4,
    IIR_LINE_STATUS = 6,
    IIR_TIMEOUT = 12,
    LCR_DIVISOR = 0x80,
    MCR_OUT2 = 8,
    MCR_LOOP = 16,
    LSR_READY = 1,
    LSR_OVERRUN = 2,
    LSR_THR_EMPTY = 0x20,
    LSR_IDLE = 0x40,
    MSR_CONNECTED = 0xb0, /* carrier, data set ready, clear to send */
};

static bool has_fifo(const struct dev_serial *serial)
{
    return (serial->fcr & 1) != 0;
}

static unsigned trigger(const struct dev_serial *serial)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};
    return has_fifo(serial) ? levels[serial->fcr >> 6] : 1;
}

static uint8_t identify(const struct dev_serial *serial)
{
    if ((serial->ier & IER_LINE_STATUS) != 0 && serial->lsr_errors != 0) {
        return IIR_LINE_STATUS;
    }
    /* Fewer bytes than the trigger level would interrupt after four characters' time: now. */
    if ((serial->ier & IER_RECEIVED) != 0 && serial->in_count > 0) {
        return serial->in_count >= trigger(serial) ? IIR_RECEIVED : IIR_TIMEOUT;
    }
    if ((serial->ier & IER_THR_EMPTY) != 0 && serial->thr_empty_pending) {
        return IIR_THR_EMPTY;
    }
    if ((serial->ier & IER_MODEM_STATUS) != 0 && serial->msr_delta != 0) {
        return IIR_MODEM_STATUS;
    }
    return IIR_NONE;
}

static void update(struct dev_serial *serial)
{
    /* On a PC the interrupt goes through a driver that OUT2 opens. */
    bool open = (serial->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

    dev_line_set(&serial->output, open && identify(serial) != IIR_NONE);
}

static void flush(struct dev_serial *serial)
{
    size_t done;

    if (serial->out_count == 0) {
        return;
    }
    done = serial->stream->ops->write(serial->stream, serial->out, serial->out_count);
    serial->out_count -= (unsigned)ST_MIN(done, (size_t)serial->out_count);
    memmove(serial->out, serial->out + done, serial->out_count);
    if (serial->out_count == 0) {
        serial->thr_empty_pending = true;
    }
}

static unsigned room(const struct dev_serial *serial)
{
    unsigned size = has_fifo(serial) ? DEV_SERIAL_FIFO : 1;
    return serial->in_count < size ? size - serial->in_count : 0;
}

static size_t receive(void *device, const void *bytes, size_t size)
{
    struct dev_serial *serial = device;
    size_t taken = ST_MIN(size, (size_t)room(serial));

    if ((serial->mcr & MCR_LOOP) != 0) {
        taken = 0;
    }
    memcpy(serial->in + serial->in_count, bytes, taken);
    serial->in_count += (unsigned)taken;
    serial->wants_input = taken < size;
    update(serial);
    return taken;
}

static void ready(void *device)
{
    struct dev_serial *serial = device;

    flush(serial);
    update(serial);
}

static void resume(struct dev_serial *serial)
{
    if (serial->wants_input && room(serial) > 0 && (serial->mcr & MCR_LOOP) == 0) {
        serial->wants_input = false;
        serial->stream->ops->resume(serial->stream);
    }
}

static uint8_t take(struct dev_serial *serial)
{
    uint8_t byte = serial->in[0];

    if (serial->in_count == 0) {
        return 0;
    }
    serial->in_count--;
    memmove(serial->in, serial->in + 1, serial->in_count);
    if (serial->in_count == 0) {
        resume(serial);
    }
    return byte;
}

static void transmit(struct dev_serial *serial, uint8_t byte)
{
    serial->thr_empty_pending = false;
    if ((serial->mcr & MCR_LOOP) != 0) {
        if (room(serial) > 0) {
            serial->in[serial->in_count++] = byte;
        } else {
            serial->lsr_errors |= LSR_OVERRUN;
        }
        serial->thr_empty_pending = true;
        return;
    }
    /* A guest that does not look at the line status loses bytes, as on a real line. */
    if (serial->out_count < DEV_SERIAL_OUT) {
        serial->out[serial->out_count++] = byte;
    }
    flush(serial);
}

static uint8_t modem_status(const struct dev_serial *serial)
{
    uint8_t mcr = serial->mcr;

    if ((mcr & MCR_LOOP) == 0) {
        return MSR_CONNECTED;
    }
    /* RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to DCD. */
    return (uint8_t)((mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4);
}

static uint8_t read_iir(struct dev_serial *serial)
{
    uint8_t source = identify(serial);

    if (source == IIR_THR_EMPTY) {
        serial->thr_empty_pending = false;
    }
    return source | (has_fifo(serial) ? 0xc0 : 0);
}

static uint8_t read_lsr(struct dev_serial *serial)
{
    uint8_t value = serial->lsr_errors | (serial->in_count > 0 ? LSR_READY : 0) |
                    (serial->out_count == 0 ? LSR_THR_EMPTY | LSR_IDLE : 0);

    serial->lsr_errors = 0;
    return value;
}

static uint64_t serial_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_serial *serial = device;
    bool divisor = (serial->lcr & LCR_DIVISOR) != 0;
    uint8_t value = 0;

    (void)access_bytes;
    switch (offset) {
    case 0:
        value = divisor ? (uint8_t)serial->divisor : take(serial);
        break;
    case 1:
        value = divisor ? (uint8_t)(serial->divisor >> 8) : serial->ier;
        break;
    case 2:
        value = read_iir(serial);
        break;
    case 3:
        value = serial->lcr;
        break;
    case 4:
        value = serial->mcr;
        break;
    case 5:
        value = read_lsr(serial);
        break;
    case 6:
        value = modem_status(serial) | serial->msr_delta;
        serial->msr_delta = 0;
        break;
    default:
        value = serial->scratch;
        break;
    }
    update(serial);
    return value;
}

static void write_ier(struct dev_serial *serial, uint8_t value)
{
    uint8_t added = value & (uint8_t)~serial->ier;

    serial->ier = value & 0x0f;
    /* Enabling the transmitter's interrupt while it is empty raises it. */
    if ((added & IER_THR_EMPTY) != 0 && serial->out_count == 0) {
        serial->thr_empty_pending = true;
    }
}

static void write_fcr(struct dev_serial *serial, uint8_t value)
{
    if (((value ^ serial->fcr) & 1) != 0 || (value & 3) == 3) {
        serial->in_count = 0;
        resume(serial);
    }
    serial->fcr = (value & 1) != 0 ? value & 0xc1 : 0;
}

static void write_mcr(struct dev_serial *serial, uint8_t value)
{
    uint8_t before = modem_status(serial), changed;

    serial->mcr = value & 0x1f;
    changed = before ^ modem_status(serial);
    serial->msr_delta |= changed >> 4;
    if ((before & 0x40) == 0 && (changed & 0x40) != 0) {
        serial->msr_delta &= (uint8_t)~4; /* only the trailing edge of RI counts */
    }
    resume(serial);
}

static void serial_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_serial *serial = device;
    bool divisor = (serial->lcr & LCR_DIVISOR) != 0;
    uint8_t byte = (uint8_t)value;

    (void)access_bytes;
    switch (offset) {
    case 0:
        if (divisor) {
            serial->divisor = (uint16_t)((serial->divisor & 0xff00) | byte);
        } else {
            transmit(serial, byte);
        }
        break;
    case 1:
        if (divisor) {
            serial->divisor = (uint16_t)((serial->divisor & 0xff) | byte << 8);
        } else {
            write_ier(serial, byte);
        }
        break;
    case 2:
        write_fcr(serial, byte);
        break;
    case 3:
        serial->lcr = byte;
        break;
    case 4:
        write_mcr(serial, byte);
        break;
    case 7:
        serial->scratch = byte;
        break;
    default:
        break; /* line and modem status are read-only */
    }
    update(serial);
}

void dev_serial_init(struct dev_serial *serial, struct dev_bus *bus, uint16_t base,
                     struct dev_line output, struct plat_stream *stream)
{
    memset(serial, 0, sizeof *serial);
    serial->output = output;
    serial->stream = stream;
    stream->device = serial;
    stream->receive = receive;
    stream->ready = ready;
    serial->region = (struct dev_region){
        .start = base, .size = 8, .read = serial_read, .write = serial_write, .device = serial};
    dev_space_add(&bus->io, &serial->region);
    dev_serial_reset(serial);
}

void dev_serial_reset(struct dev_serial *serial)
{
    serial->ier = serial->lcr = serial->mcr = serial->scratch = serial->fcr = 0;
    serial->lsr_errors = serial->msr_delta = 0;
    serial->divisor = 12;
    serial->thr_empty_pending = false;
    serial->in_count = 0;
    flush(serial);
    resume(serial);
    update(serial);
}
