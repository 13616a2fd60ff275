/* Who is lost, by a clock that the test turns: ranks that die, freeze, hang, wait for each other; and what only looks
 * like it. */
#include "files.h"

#include <signal.h>
#include <sys/wait.h>

#include "io/process.h"
#include "io/verdict.h"

enum { N = 4 };
static const double LIMIT = 40;

typedef struct scene {
  fz_io_sign sign[N];
  fz_io_watched watched[N];
  double elapsed;
  int culprit;
} scene;

static scene scene_of_life(void) {
  scene s = {.culprit = -1};
  for (int i = 0; i < N; i++) s.sign[i] = (fz_io_sign){.process = FZ_PROCESS_RUNS};
  return s;
}

enum { BEATS = 1, MOVES = 2, ALIVE = 3 };

/* One look, after `seconds`: what each rank has done since the last. */
static fz_io_verdict look(scene *s, double seconds, const int *did) {
  for (int i = 0; i < N; i++) {
    if (did[i] & BEATS) s->sign[i].beat++;
    if (did[i] & MOVES) s->sign[i].moved++;
  }
  s->elapsed += seconds;
  return fz_io_judge(s->sign, s->watched, N, seconds < FZ_LONGEST_LOOK ? seconds : FZ_LONGEST_LOOK, LIMIT, true,
                     &s->culprit);
}

/* Looks four times a second until there is a verdict; after `most` seconds at the latest. */
static fz_io_verdict watch(scene *s, double most, const int *did) {
  fz_io_verdict v = FZ_VERDICT_NONE;
  for (double end = s->elapsed + most; v == FZ_VERDICT_NONE && s->elapsed < end;) v = look(s, 0.25, did);
  return v;
}

static const int all_alive[N] = {ALIVE, ALIVE, ALIVE, ALIVE};
static const int one_still[N] = {ALIVE, ALIVE, BEATS, ALIVE};
static const int one_frozen[N] = {ALIVE, ALIVE, 0, ALIVE};
static const int all_still[N] = {BEATS, BEATS, BEATS, BEATS};

static void life_goes_on(void **state) {
  (void)state;
  scene s = scene_of_life();
  assert_int_equal(watch(&s, 1000, all_alive), FZ_VERDICT_NONE);
}

static void the_dead_are_seen_at_once(void **state) {
  (void)state;
  scene s = scene_of_life();
  watch(&s, 10, all_alive);
  s.sign[3].process = s.sign[1].process = FZ_PROCESS_GONE;
  assert_int_equal(look(&s, 0.25, all_alive), FZ_VERDICT_GONE);
  assert_int_equal(s.culprit, 1);
  /* also where nobody is ever taken for stuck */
  assert_int_equal(fz_io_judge(s.sign, s.watched, N, 0.25, 0, true, &s.culprit), FZ_VERDICT_GONE);
}

static void who_left_is_not_missed(void **state) {
  (void)state;
  scene s = scene_of_life();
  s.sign[2].left = true;
  s.sign[2].process = FZ_PROCESS_GONE;
  assert_int_equal(watch(&s, 100, one_frozen), FZ_VERDICT_NONE);
}

static void the_frozen_are_silent(void **state) {
  (void)state;
  scene s = scene_of_life();
  watch(&s, 100, all_alive);
  double before = s.elapsed;
  s.sign[2].process = FZ_PROCESS_SUSPENDED;
  assert_int_equal(watch(&s, 100, one_frozen), FZ_VERDICT_SILENT);
  assert_int_equal(s.culprit, 2);
  assert_true(s.elapsed - before >= LIMIT && s.elapsed - before <= LIMIT + 0.5);
}

static void a_rank_that_does_nothing_is_stuck_though_others_work(void **state) {
  (void)state;
  scene s = scene_of_life();
  watch(&s, 100, all_alive);
  double before = s.elapsed;
  assert_int_equal(watch(&s, 100, one_still), FZ_VERDICT_STUCK);
  assert_int_equal(s.culprit, 2);
  assert_true(s.elapsed - before >= LIMIT && s.elapsed - before <= LIMIT + 0.5);
}

static void those_who_wait_are_not_the_culprits(void **state) {
  (void)state;
  scene s = scene_of_life();
  for (int i = 0; i < N; i++) s.sign[i].waiting = i != 1;
  assert_int_equal(watch(&s, 100, all_still), FZ_VERDICT_STUCK);
  assert_int_equal(s.culprit, 1);
  /* one works on, however long: the others wait, and nothing is wrong */
  s = scene_of_life();
  for (int i = 0; i < N; i++) s.sign[i].waiting = i != 0;
  const int first_works[N] = {ALIVE, BEATS, BEATS, BEATS};
  assert_int_equal(watch(&s, 1e4, first_works), FZ_VERDICT_NONE);
}

static void all_wait_for_each_other(void **state) {
  (void)state;
  scene s = scene_of_life();
  for (int i = 0; i < N; i++) s.sign[i].waiting = true;
  assert_int_equal(watch(&s, 100, all_still), FZ_VERDICT_DEADLOCK);
  /* with one gone in good order, too; but not where others may still come */
  s.sign[3].left = true;
  assert_int_equal(look(&s, 0.25, all_still), FZ_VERDICT_DEADLOCK);
  assert_int_equal(fz_io_judge(s.sign, s.watched, N, 0.25, LIMIT, false, &s.culprit), FZ_VERDICT_NONE);
  /* nor of one that is alone */
  for (int i = 1; i < N; i++) s.sign[i].left = true;
  assert_int_equal(look(&s, 0.25, all_still), FZ_VERDICT_NONE);
  for (int i = 1; i < N; i++) s.sign[i].left = false;
  assert_int_equal(watch(&s, 100, all_still), FZ_VERDICT_DEADLOCK);
  /* nor where a debugger holds one of them */
  s.sign[1].process = FZ_PROCESS_TRACED;
  assert_int_equal(watch(&s, 1000, all_still), FZ_VERDICT_NONE);
}

/* The watcher slept for an hour, as the whole job did: nobody was silent in time that nobody had. */
static void a_suspended_job_wakes_up_whole(void **state) {
  (void)state;
  scene s = scene_of_life();
  watch(&s, 100, all_alive);
  assert_int_equal(look(&s, 3600, all_still), FZ_VERDICT_NONE);
  const int none[N] = {0};
  for (int i = 0; i < 5; i++) assert_int_equal(look(&s, 3600, none), FZ_VERDICT_NONE);
  assert_int_equal(watch(&s, 100, all_alive), FZ_VERDICT_NONE);
}

/* So starved that it looks once in ten seconds, the watcher gives others ten times as long. */
static void a_starved_watcher_is_patient(void **state) {
  (void)state;
  scene s = scene_of_life();
  look(&s, 0.25, all_alive);
  for (int i = 0; i < 30; i++) assert_int_equal(look(&s, 10, one_frozen), FZ_VERDICT_NONE);
}

static void a_debugger_excuses(void **state) {
  (void)state;
  scene s = scene_of_life();
  s.sign[2].process = FZ_PROCESS_TRACED;
  assert_int_equal(watch(&s, 1000, one_frozen), FZ_VERDICT_NONE);
  s.sign[2].process = FZ_PROCESS_RUNS; /* let go: the count begins anew */
  assert_int_equal(watch(&s, LIMIT - 1, one_frozen), FZ_VERDICT_NONE);
  assert_int_equal(watch(&s, 2, one_frozen), FZ_VERDICT_SILENT);
}

static void never_by_time(void **state) {
  (void)state;
  scene s = scene_of_life();
  for (int i = 0; i < 1000; i++)
    assert_int_equal(fz_io_judge(s.sign, s.watched, N, 1, 0, true, &s.culprit), FZ_VERDICT_NONE);
}

/* The system's word on a child that sleeps, is stopped, goes on, is killed and at last waited for. */
static void processes_are_what_they_are(void **state) {
  (void)state;
  int ready[2];
  fz_io_process child;
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  if (pid == 0) {
    fz_io_process self = fz_io_process_self();
    if (write(ready[1], &self, sizeof self) != sizeof self) _exit(1);
    for (;;) pause();
  }
  assert_true(pid > 0);
  assert_int_equal(read(ready[0], &child, sizeof child), sizeof child);
  assert_true(child.pid == pid && child.born > 0 && child.space == fz_io_process_self().space);
  assert_int_equal(fz_io_process_look(&child), FZ_PROCESS_RUNS);
  int status;
  kill(pid, SIGSTOP);
  assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
  assert_int_equal(fz_io_process_look(&child), FZ_PROCESS_SUSPENDED);
  fz_io_process other = child;
  other.born--;
  assert_int_equal(fz_io_process_look(&other), FZ_PROCESS_GONE); /* its number was given away */
  other = (fz_io_process){.pid = child.pid, .born = child.born};
  assert_int_equal(fz_io_process_look(&other), FZ_PROCESS_UNKNOWN);
  kill(pid, SIGKILL);
  siginfo_t info;
  assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
  assert_int_equal(fz_io_process_look(&child), FZ_PROCESS_GONE); /* a zombie */
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(fz_io_process_look(&child), FZ_PROCESS_GONE);
  close(ready[0]);
  close(ready[1]);
}

static void bytes_and_seconds_are_counted(void **state) {
  (void)state;
  int64_t before = fz_io_process_bytes();
  files_write_text("some", "some bytes, nothing more");
  assert_true(fz_io_process_bytes() >= before + 20);
  double seconds = fz_io_process_seconds();
  while (fz_io_process_seconds() < seconds + 0.02) continue;
  assert_true(fz_io_thread_seconds() > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(life_goes_on),
      cmocka_unit_test(the_dead_are_seen_at_once),
      cmocka_unit_test(who_left_is_not_missed),
      cmocka_unit_test(the_frozen_are_silent),
      cmocka_unit_test(a_rank_that_does_nothing_is_stuck_though_others_work),
      cmocka_unit_test(those_who_wait_are_not_the_culprits),
      cmocka_unit_test(all_wait_for_each_other),
      cmocka_unit_test(a_suspended_job_wakes_up_whole),
      cmocka_unit_test(a_starved_watcher_is_patient),
      cmocka_unit_test(a_debugger_excuses),
      cmocka_unit_test(never_by_time),
      cmocka_unit_test(processes_are_what_they_are),
      cmocka_unit_test(bytes_and_seconds_are_counted),
  };
  return cmocka_run_group_tests(tests, files_enter, files_leave);
}
