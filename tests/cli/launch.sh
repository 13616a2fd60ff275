#!/bin/bash
# Processes that a launcher started together but MPI did not connect are refused, with one message; one process alone is
# not.  The launchers' variables are played here; tests/slurm has the real thing.
for variable in $(compgen -e | grep -E '^(SLURM|PMI|PMIX)_' || true); do unset "$variable"; done
"$FRAZIL" --log warn simulate --box 16 --pixel-size 6 --n 10 --output sim >/dev/null
info=("$FRAZIL" info sim/truth.mrc)
refused() { # VARIABLES...
  local code=0
  env "$@" "${info[@]}" >out.txt 2>err.txt || code=$?
  [ $code = 1 ] && [ ! -s out.txt ] || { echo "$*: code $code"; cat out.txt err.txt; exit 1; }
}
passes() { env "$@" >out.txt && grep -q "map of 16 x 16 x 16" out.txt || { echo "$*"; exit 1; }; }

step=(SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 SLURM_TASK_PID=1)
refused "${step[@]}" SLURM_PROCID=0
grep -q '^frazil: srun started 4 processes, but the MPI library cannot connect them.*--mpi=TYPE' err.txt
[ "$(wc -l <err.txt)" = 1 ]
refused "${step[@]}" SLURM_PROCID=2
[ ! -s err.txt ] || { echo "each task speaks"; exit 1; }
refused PMI_SIZE=3 PMI_RANK=0
grep -q 'started 3 processes' err.txt
refused PMI_SIZE=3 PMI_RANK=1
[ ! -s err.txt ] || { echo "each process speaks"; exit 1; }

passes SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_PROCID=0 "${info[@]}"                 # a batch script
passes SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=1 "${info[@]}"        # srun -n 1
passes "${step[@]}" SLURM_PTY_PORT=9 SLURM_PROCID=0 "${info[@]}"                 # typed into a shell of srun --pty
passes PMI_SIZE=1 PMI_RANK=0 "${info[@]}"
passes SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 "$MPIRUN" --oversubscribe -n 3 "${info[@]}" # its helpers are the tasks

# A reconstruction that uses one of the job's tasks says so, and goes on.
plan=("$FRAZIL" reconstruct --particles sim/particles.star --output run --dry-run)
for words in "SLURM_JOB_ID=7 SLURM_NTASKS=4" "SLURM_JOB_ID=7 SLURM_NTASKS=1" "SLURM_NTASKS=4"; do
  env $words "${plan[@]}" >out.txt 2>&1 || { cat out.txt; exit 1; }
  said=$(grep -c "one rank, in a Slurm job of 4 tasks: put srun" out.txt || true)
  [ "$said" = "$([ "$words" = "SLURM_JOB_ID=7 SLURM_NTASKS=4" ] && echo 1 || echo 0)" ] || { echo "$words: $said"; exit 1; }
done
