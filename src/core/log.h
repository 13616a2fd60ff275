/* The core's only way to speak: a sink installed by the layer above (which decides ranks, files and colours). */
#ifndef FZ_CORE_LOG_H
#define FZ_CORE_LOG_H

typedef enum fz_log_level { FZ_LOG_ERROR, FZ_LOG_WARN, FZ_LOG_INFO, FZ_LOG_DETAIL, FZ_LOG_DEBUG } fz_log_level;
typedef void (*fz_log_sink)(fz_log_level level, const char *text);

void fz_set_log_sink(fz_log_sink sink);
void fz_log(fz_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
