# The optimizers that the program has, for tests that loop over all of them.
algorithms() {
  "$FRAZIL" reconstruct --help | tr -s ' \n' ' ' | sed -n 's/.*memory=20; one of \([^;]*\);.*/\1/p' | tr -d ,
}
# NAME IMAGES: the algorithm with batches of that size, if it has batches, and such that these throw none of them off
with_batch() {
  local told
  told=$("$FRAZIL" reconstruct --particles none --output none --algorithm "$1:help" 2>&1) || true
  case $told in
    *"options: batch"*) if [ "$1" = olbfgs ]; then echo "$1:batch=$2,step=0.05"; else echo "$1:batch=$2"; fi ;;
    *) echo "$1" ;;
  esac
}
