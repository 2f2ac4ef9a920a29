/* What the files of the agent's host end share: its own links (vmm_agent.c), and sessions that are
 * carried for somebody else (vmm_agent_session.c). */
#pragma once

#include "os/os_loop.h"
#include "platform/plat_backend.h"

enum { VMM_AGENT_SESSIONS_MAX = 128 };

/* One connection, as the socket device knows it. */
struct vmm_agent_peer {
    struct plat_stream stream;
    void (*opened)(struct vmm_agent_peer *peer, bool accepted);
    void (*closed)(struct vmm_agent_peer *peer); /* by the guest */
};

struct vmm_agent_session;

/* Carries bytes between a stream socket, which is taken over, and a connection to the guest's
 * agent, once it is connected. NULL: no memory; then the socket is closed. */
struct vmm_agent_session *vmm_agent_session_new(struct plat_sockets *sockets, struct os_loop *loop,
                                                int fd, void (*ended)(void *argument),
                                                void *argument);
/* Connects to the guest; it may end before this returns. */
void vmm_agent_session_connect(struct vmm_agent_session *session);
/* Closes both ends without a word to `ended`. NULL allowed. */
void vmm_agent_session_free(struct vmm_agent_session *session);
