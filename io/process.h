/* What the system tells of a process: its state, its processor time, the bytes it moved. */
#ifndef FZ_IO_PROCESS_H
#define FZ_IO_PROCESS_H
#include <stdint.h>

typedef enum fz_io_process_state {
  FZ_PROCESS_UNKNOWN,
  FZ_PROCESS_RUNS,
  FZ_PROCESS_SUSPENDED, /* by SIGSTOP or its relatives */
  FZ_PROCESS_TRACED,    /* held by a debugger */
  FZ_PROCESS_GONE
} fz_io_process_state;

/* A number alone may be given to another process later. */
typedef struct fz_io_process {
  int64_t pid, born; /* born: clock ticks since the system started */
  int64_t space;     /* the numbers' name space: containers have their own; 0 when unknown */
} fz_io_process;

/** This process. local, as all here; no allocation, safe in any thread */
fz_io_process fz_io_process_self(void);
/** GONE also for one that is dead but not yet waited for; UNKNOWN for one of another name space. */
fz_io_process_state fz_io_process_look(const fz_io_process *process);
/** Bytes that the main thread has read and written, in whatever way; 0 when the system does not tell. */
int64_t fz_io_process_bytes(void);
/** Processor seconds of all threads of this process; of the calling thread. */
double fz_io_process_seconds(void);
double fz_io_thread_seconds(void);

#endif
