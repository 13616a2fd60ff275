#include "pose/rotation.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

fz_rotation fz_rotation_identity(void) {
  return (fz_rotation){{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
}

fz_rotation fz_rotation_from_euler(double rot_deg, double tilt_deg, double psi_deg) {
  double a = rot_deg * pi / 180, b = tilt_deg * pi / 180, g = psi_deg * pi / 180;
  double ca = cos(a), sa = sin(a), cb = cos(b), sb = sin(b), cg = cos(g), sg = sin(g);
  return (fz_rotation){{{cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb},
                        {-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb},
                        {sb * ca, sb * sa, cb}}};
}

void fz_rotation_to_euler(const fz_rotation *r, double *rot_deg, double *tilt_deg, double *psi_deg) {
  double sin_tilt = hypot(r->m[2][0], r->m[2][1]), cos_tilt = r->m[2][2];
  *tilt_deg = atan2(sin_tilt, cos_tilt) * 180 / pi;
  if (sin_tilt > 1e-12) {
    *rot_deg = atan2(r->m[2][1], r->m[2][0]) * 180 / pi;
    *psi_deg = atan2(r->m[1][2], -r->m[0][2]) * 180 / pi;
    return;
  }
  *tilt_deg = cos_tilt > 0 ? 0 : 180;
  *rot_deg = 0;
  *psi_deg = atan2(r->m[0][1], cos_tilt > 0 ? r->m[0][0] : -r->m[0][0]) * 180 / pi;
}

fz_rotation fz_rotation_from_quaternion(const double q[4]) {
  double s = 1 / sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  double w = s * q[0], x = s * q[1], y = s * q[2], z = s * q[3];
  return (fz_rotation){{{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                        {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                        {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}}};
}

/* Each of the four squares is known up to a factor 4; dividing by the largest root is stable. */
void fz_rotation_to_quaternion(const fz_rotation *r, double q[4]) {
  const double(*m)[3] = r->m;
  double square[4] = {1 + m[0][0] + m[1][1] + m[2][2], 1 + m[0][0] - m[1][1] - m[2][2], 1 - m[0][0] + m[1][1] - m[2][2],
                      1 - m[0][0] - m[1][1] + m[2][2]};
  double d21 = m[2][1] - m[1][2], d02 = m[0][2] - m[2][0], d10 = m[1][0] - m[0][1];
  double s21 = m[2][1] + m[1][2], s02 = m[0][2] + m[2][0], s10 = m[1][0] + m[0][1];
  double row[4][4] = {
      {square[0], d21, d02, d10}, {d21, square[1], s10, s02}, {d02, s10, square[2], s21}, {d10, s02, s21, square[3]}};
  int best = 0;
  for (int i = 1; i < 4; i++)
    if (square[i] > square[best]) best = i;
  double norm = 0;
  for (int i = 0; i < 4; i++) norm += row[best][i] * row[best][i];
  double scale = (row[best][0] < 0 ? -1 : 1) / sqrt(norm);
  for (int i = 0; i < 4; i++) q[i] = scale * row[best][i];
}

fz_rotation fz_rotation_from_vector(const double v[3]) {
  double angle = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  double s = angle > 1e-8 ? sin(angle / 2) / angle : 0.5;
  return fz_rotation_from_quaternion((double[4]){cos(angle / 2), s * v[0], s * v[1], s * v[2]});
}

void fz_rotation_to_vector(const fz_rotation *r, double v[3]) {
  double q[4];
  fz_rotation_to_quaternion(r, q);
  double s = sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  double scale = s > 1e-12 ? 2 * atan2(s, q[0]) / s : 2;
  for (int i = 0; i < 3; i++) v[i] = scale * q[i + 1];
}

fz_rotation fz_rotation_multiply(const fz_rotation *a, const fz_rotation *b) {
  fz_rotation c;
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) c.m[i][j] = a->m[i][0] * b->m[0][j] + a->m[i][1] * b->m[1][j] + a->m[i][2] * b->m[2][j];
  return c;
}

fz_rotation fz_rotation_inverse(const fz_rotation *r) {
  fz_rotation t;
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) t.m[i][j] = r->m[j][i];
  return t;
}

void fz_rotation_apply(const fz_rotation *r, const double x[3], double y[3]) {
  double x0 = x[0], x1 = x[1], x2 = x[2];
  for (int i = 0; i < 3; i++) y[i] = r->m[i][0] * x0 + r->m[i][1] * x1 + r->m[i][2] * x2;
}

/* acos of the trace loses half the digits near 0; atan2 of the quaternion's parts is accurate at both ends. */
double fz_rotation_distance(const fz_rotation *a, const fz_rotation *b) {
  fz_rotation inverse = fz_rotation_inverse(a), d = fz_rotation_multiply(&inverse, b);
  double q[4];
  fz_rotation_to_quaternion(&d, q);
  return 2 * atan2(sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3]), q[0]);
}

double fz_rotation_twist(const fz_rotation *a, const fz_rotation *b) {
  double along = 0, across = 0; /* trace(Z(t)^T a b^T) = along cos t + across sin t + rest */
  for (int c = 0; c < 3; c++) {
    along += a->m[0][c] * b->m[0][c] + a->m[1][c] * b->m[1][c];
    across += a->m[0][c] * b->m[1][c] - a->m[1][c] * b->m[0][c];
  }
  return atan2(across, along);
}

fz_rotation fz_rotation_mirrored(const fz_rotation *r) {
  fz_rotation m = *r;
  m.m[0][2] = -m.m[0][2];
  m.m[1][2] = -m.m[1][2];
  m.m[2][0] = -m.m[2][0];
  m.m[2][1] = -m.m[2][1];
  return m;
}

/* One Jacobi rotation that zeroes k[p][q]; v collects the eigenvectors in its columns. */
static void jacobi_turn(double k[4][4], double v[4][4], int p, int q) {
  if (k[p][q] == 0) return;
  double theta = (k[q][q] - k[p][p]) / (2 * k[p][q]);
  double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(1 + theta * theta)), c = 1 / sqrt(1 + t * t), s = c * t;
  for (int i = 0; i < 4; i++) {
    double x = k[i][p], y = k[i][q];
    k[i][p] = c * x - s * y;
    k[i][q] = s * x + c * y;
  }
  for (int i = 0; i < 4; i++) {
    double x = k[p][i], y = k[q][i], vx = v[i][p], vy = v[i][q];
    k[p][i] = c * x - s * y;
    k[q][i] = s * x + c * y;
    v[i][p] = c * vx - s * vy;
    v[i][q] = s * vx + c * vy;
  }
}

fz_rotation fz_rotation_nearest(const double m[3][3]) {
  double d21 = m[2][1] - m[1][2], d02 = m[0][2] - m[2][0], d10 = m[1][0] - m[0][1];
  double s21 = m[2][1] + m[1][2], s02 = m[0][2] + m[2][0], s10 = m[1][0] + m[0][1];
  double k[4][4] = {{m[0][0] + m[1][1] + m[2][2], d21, d02, d10},
                    {d21, m[0][0] - m[1][1] - m[2][2], s10, s02},
                    {d02, s10, m[1][1] - m[0][0] - m[2][2], s21},
                    {d10, s02, s21, m[2][2] - m[0][0] - m[1][1]}};
  double v[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
  enum { SWEEPS = 12 }; /* quadratic convergence: 4x4 is done after 5 or 6 */
  for (int sweep = 0; sweep < SWEEPS; sweep++)
    for (int p = 0; p < 3; p++)
      for (int q = p + 1; q < 4; q++) jacobi_turn(k, v, p, q);
  int best = 0;
  for (int i = 1; i < 4; i++)
    if (k[i][i] > k[best][best]) best = i;
  return fz_rotation_from_quaternion((double[4]){v[0][best], v[1][best], v[2][best], v[3][best]});
}

fz_rotation fz_rotation_random(fz_random *random) {
  double u = fz_random_uniform(random), a = 2 * pi * fz_random_uniform(random), b = 2 * pi * fz_random_uniform(random);
  double r = sqrt(1 - u), s = sqrt(u);
  return fz_rotation_from_quaternion((double[4]){s * cos(b), r * sin(a), r * cos(a), s * sin(b)});
}
