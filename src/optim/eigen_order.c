#include "optim/eigen_order.h"

#include <math.h>

void fz_eigen_choose(ptrdiff_t n, const double *ascending, int r, ptrdiff_t *chosen) {
  ptrdiff_t low = 0, high = n - 1;
  for (int i = 0; i < r; i++) chosen[i] = fabs(ascending[low]) > fabs(ascending[high]) ? low++ : high--;
}

void fz_eigen_turn(ptrdiff_t n, double *v) {
  ptrdiff_t most = 0;
  for (ptrdiff_t i = 1; i < n; i++)
    if (fabs(v[i]) > fabs(v[most])) most = i;
  if (v[most] < 0)
    for (ptrdiff_t i = 0; i < n; i++) v[i] = -v[i];
}
