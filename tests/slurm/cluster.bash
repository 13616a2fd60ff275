# A Slurm of our own, of two nodes on this machine, for the tests in this folder: source it in an empty folder and call
# start_cluster.  munged, slurmctld and two slurmd with their ports, state and logs in ./slurm; nothing of a Slurm that
# runs here already is used or touched.  The end of the script ends the cluster and all its jobs.
# No accounting database: what sacct would say is in `scontrol show job` and in the completion log slurm/jobs.log.
#
# Partitions: low (preempted by requeue), grace (the same after 10 s of grace), high (preempts both).
for variable in $(compgen -e | grep -E '^(SLURM|SBATCH|SRUN|SALLOC|SQUEUE|SINFO|PMI|PMIX)_' || true); do unset "$variable"; done
export PATH=$PATH:/usr/sbin:/sbin

skip() {
  echo "skipped: $*"
  exit 77
}
fail() {
  echo "$*"
  for log in *.log; do echo "--- $log" && tail -20 "$log"; done
  [ -z "${job:-}" ] || scontrol show job "$job" || true
  exit 1
}
# eventually SECONDS WHAT COMMAND...: until the command succeeds
eventually() {
  local turns=$(($1 * 20)) what=$2
  shift 2
  until "$@"; do
    [ $((turns -= 1)) -gt 0 ] || fail "not in time: $what"
    sleep 0.05
  done
}

free_ports() { # COUNT: the first of so many, below the range that the kernel hands out
  local first port
  for _ in $(seq 50); do
    first=$((16000 + RANDOM % 16000))
    for ((port = first; port < first + $1; port++)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
    done
    echo "$first"
    return
  done
  return 1
}

slurm_conf() { # FOLDER PORT
  cat <<C
ClusterName=frazil
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$2
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# a requeued job waits until its credentials have expired: five seconds is the least that Slurm allows
AuthInfo=socket=$1/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/%n
TmpFS=$1/%n.tmp
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.%n.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobCompType=jobcomp/filetxt
JobCompLoc=$1/jobs.log
ReturnToService=2
KillWait=10
NodeName=node[1-2] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[$(($2 + 1))-$(($2 + 2))] CPUs=4
PartitionName=low Nodes=ALL Default=YES PriorityTier=1
PartitionName=grace Nodes=ALL PriorityTier=1 GraceTime=10
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF
C
}

daemons=()
daemon() { # NAME COMMAND...
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >"slurm/$name.out" 2>&1 & # should this script be killed
  daemons+=($!)
}

stop_cluster() {
  local turns=100 pid
  if [ -S slurm/munge.socket ]; then
    scancel --user="$(id -un)" 2>/dev/null || true
    while [ $((turns -= 1)) -gt 0 ] && squeue --noheader 2>/dev/null | grep -q .; do sleep 0.1; done
  fi
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null || true; done
  # What outlived its cluster knows it by its configuration file.
  for pid in $(grep -lsa "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | cut -d/ -f3); do
    [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || true
  done
}

start_cluster() {
  local tool folder=$PWD/slurm port
  for tool in munged slurmctld slurmd sbatch srun scontrol squeue; do
    command -v $tool >/dev/null || skip "$tool is not installed (Debian: slurm-wlm)"
  done
  port=$(free_ports 3) || skip "no three free ports"
  mkdir -p slurm/state slurm/node1 slurm/node2 slurm/node1.tmp slurm/node2.tmp
  slurm_conf "$folder" "$port" >slurm/slurm.conf
  : >slurm/cgroup.conf
  head -c 64 /dev/urandom >slurm/munge.key
  chmod 600 slurm/munge.key
  export SLURM_CONF=$folder/slurm.conf
  trap stop_cluster EXIT
  daemon munged munged --foreground --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
    --pid-file="$folder/munge.pid" --log-file="$folder/munge.log" --seed-file="$folder/munge.seed"
  for _ in $(seq 100); do [ -S slurm/munge.socket ] && break || sleep 0.05; done
  daemon slurmctld slurmctld -D
  for _ in $(seq 100); do scontrol ping 2>/dev/null | grep -q UP && break || sleep 0.05; done
  daemon node1 slurmd -D -N node1
  daemon node2 slurmd -D -N node2
  for _ in $(seq 200); do [ "$(sinfo --noheader --partition=low --format='%t %D' 2>/dev/null)" = "idle 2" ] && break || sleep 0.05; done
  if ! timeout 20 srun --mpi=none -N 2 -n 2 true >slurm/first.out 2>&1; then
    tail -n 5 slurm/*.out slurm/*.log
    skip "Slurm does not start here"
  fi
}

# Ranks of two "nodes" go through TCP, for which Debian's Open MPI leaves no one-sided communication switched on; and
# its shared-memory files are named by host and local rank, which here are the same on both nodes.
export OMPI_MCA_osc=^ucx OMPI_MCA_btl=self,tcp
export OMPI_MCA_mpi_yield_when_idle=1 # srun does not tell Open MPI that the ranks have less than a core each

state_of() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
exit_code_of() { scontrol show job "$1" | sed -n 's/.* ExitCode=\([0-9:]*\).*/\1/p' | head -1; }
restarts_of() { scontrol show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
is() { [[ " ${*:2} " == *" $(state_of "$1") "* ]]; } # JOB STATE...
ended() { is "$1" COMPLETED FAILED CANCELLED TIMEOUT NODE_FAIL; }
lines() { if [ -f "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi; }
