#!/bin/bash
# The kill sweep in full: 200 kills, or COUNT.
COUNT=${COUNT:-200}
source "$FZ_SOURCE/tests/cli/kill_sweep.sh"
