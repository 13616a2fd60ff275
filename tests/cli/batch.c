/* Runs many commands of frazil for the price of one start of MPI: each in a child process, as main.c would run it.
 *  frazil_batch <LIST   one expectation a line, fields separated by tabs: EXIT-CODE TEXT ARGUMENT...
 * TEXT (may be empty) must be in what the command prints.  A crash, a sanitizer's report, blocks of memory not given
 * back, and more than 60 seconds are complaints like a wrong exit code.  Exit code 1 when there are any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/memory.h"
#include "frazil_commands.h"
#include "io/cli/catalogue.h"
#include "io/log.h"

enum { FIELDS_MAX = 64, SECONDS_MAX = 60, OUTPUT_MAX = 1 << 20, EXIT_LOST_BLOCKS = 99 };

typedef struct expectation {
  int code;
  const char *text;
  int argc;
  char *argv[FIELDS_MAX + 1];
} expectation;

static bool read_expectation(char *line, expectation *e) {
  char *end;
  line[strcspn(line, "\n")] = '\0';
  *e = (expectation){.code = (int)strtol(strsep(&line, "\t"), &end, 10)};
  e->text = strsep(&line, "\t");
  while (line && e->argc < FIELDS_MAX) e->argv[e->argc++] = strsep(&line, "\t");
  return *end == '\0' && e->text && e->argc > 0 && !line;
}

static _Noreturn void run(fz_mpi *comm, const expectation *e, FILE *output) {
  fz_error err = {0};
  const int64_t blocks = fz_memory_blocks();
  alarm(SECONDS_MAX);
  dup2(fileno(output), STDOUT_FILENO);
  dup2(fileno(output), STDERR_FILENO);
  const int n = (int)(sizeof commands / sizeof commands[0]) - 1;
  const fz_catalogue_entry *command = fz_catalogue_find(commands, n, e->argv[0], &err);
  fz_status st = command ? command->run(comm, e->argc, (char **)e->argv, &err) : FZ_EINVAL;
  fflush(stdout);
  if (st != FZ_OK) fprintf(stderr, "frazil %s: %s\n", e->argv[0], err.text);
  const bool lost = fz_memory_blocks() != blocks;
  if (lost) fprintf(stderr, "blocks of memory not given back: %lld\n", (long long)(fz_memory_blocks() - blocks));
  fflush(stderr);
  _exit(lost ? EXIT_LOST_BLOCKS : fz_status_exit_code(st));
}

static bool has(const char *text, const char *part) {
  return strstr(text, part) != NULL;
}

static bool judge(const expectation *e, int status, FILE *output) {
  static char text[OUTPUT_MAX];
  rewind(output);
  text[fread(text, 1, sizeof text - 1, output)] = '\0';
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code == e->code && has(text, e->text) && !has(text, "Sanitizer") && !has(text, "runtime error")) return true;
  printf("exit code %d instead of %d, or not '%s':", code, e->code, e->text);
  for (int i = 0; i < e->argc; i++) printf(" %s", e->argv[i]);
  printf("\n%.1000s\n", text);
  return false;
}

int main(int argc, char **argv) {
  static char line[1 << 16];
  int n = 0, complaints = 0;
  fz_mpi *comm = fz_mpi_start(&argc, &argv);
  fz_io_log_start(FZ_LOG_WARN, 0);
  while (fgets(line, sizeof line, stdin)) {
    expectation e;
    FILE *output = tmpfile();
    if (!output || !read_expectation(line, &e)) {
      printf("line %d is no expectation, or there is no room for a file\n", n + 1);
      return 2;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) run(comm, &e, output);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !judge(&e, status, output)) complaints++;
    fclose(output);
    n++;
  }
  printf("%d commands, %d complaints\n", n, complaints);
  fz_mpi_finish(&comm);
  return n > 0 && complaints == 0 ? 0 : 1;
}
