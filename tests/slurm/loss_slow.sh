#!/bin/bash
# Losses under srun in every phase, with the limit that users have.
PHASES="scan tile reduce m-step checkpoint-write polish results" LIMIT=40
source "$FZ_SOURCE/tests/slurm/loss.sh"
