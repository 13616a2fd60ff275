/* Central slices of a map by Kaiser-Bessel interpolation in its twofold oversampled transform, and the exact adjoint.
 *  maths   s(k) = scale sum_j phi(2 A^T k - j) G(j),  G = DFT_2m(pad(U / phi^)), A the RELION matrix of the pose, so
 *          that s(k) = scale sum_r U(r) exp(-2 pi i (A^T k).r / m) to about 1e-3 of the slice's norm
 *  source  Fourier slice theorem; gridding after Jackson et al. 1991.  Compiled for float and for double. */
#ifndef FZ_MODEL_PROJECTOR_H
#define FZ_MODEL_PROJECTOR_H
#include "core/real.h"
#include "core/status.h"
#include "model/cube.h"
#include "model/frequencies.h"
#include "model/rings.h"
#include "pose/rotation.h"

#define fz_projector FZ_REAL_NAME(fz_projector)
#define fz_projector_create FZ_REAL_NAME(fz_projector_create)
#define fz_projector_destroy FZ_REAL_NAME(fz_projector_destroy)
#define fz_projector_set FZ_REAL_NAME(fz_projector_set)
#define fz_projector_seal FZ_REAL_NAME(fz_projector_seal)
#define fz_projector_slice FZ_REAL_NAME(fz_projector_slice)
#define fz_projector_tangents FZ_REAL_NAME(fz_projector_tangents)
#define fz_tangents FZ_REAL_NAME(fz_tangents)
#define fz_insert_complex FZ_REAL_NAME(fz_insert_complex)
#define fz_insert_real FZ_REAL_NAME(fz_insert_real)
#define fz_projector_rings FZ_REAL_NAME(fz_projector_rings)
#define fz_insert_rings_complex FZ_REAL_NAME(fz_insert_rings_complex)
#define fz_insert_rings_real FZ_REAL_NAME(fz_insert_rings_real)

typedef struct fz_projector fz_projector;

/** A projector for maps of m^3 voxels up to kmax. owns the caller; NULL when memory runs out. calls local */
fz_projector *fz_projector_create(int m, int kmax);
void fz_projector_destroy(fz_projector **p);

/** Take a new map; voxel [m][m][m] is read once, s(k) carries `scale`. calls local; not during slice() */
fz_status fz_projector_set(fz_projector *p, const double *voxel, double scale);

/** Give back the memory that only set() needs, two thirds of it; set() must not be called again. */
void fz_projector_seal(fz_projector *p);

/** The slice at pose `a` for every point of f (tail of the padded rows set to 0).
 *  shape   re, im [f->padded].  calls local, thread-safe.  cost 64 complex taps per point */
void fz_projector_slice(const fz_projector *p, const fz_frequencies *f, const fz_rotation *a, fz_real *re, fz_real *im);

/* A slice and how it changes when the pose turns.  Rows as those of a slice. */
typedef struct fz_tangents {
  fz_real *re, *im;           /* s(k) */
  fz_real *out_re, *out_im;   /* its derivative along the viewing direction, g_z, per cycle per box */
  fz_real *spin_re, *spin_im; /* its derivative by a turn in the plane, per radian */
} fz_tangents;

/** The slice at pose `a`, with the derivatives of the same interpolant.
 *  maths   g = A grad S at A^T k, and A(v) = exp([v]x) A turns the image's frame:
 *          ds/dv_x = -k_y g_z,  ds/dv_y = k_x g_z,  ds/dv_z = k_y g_x - k_x g_y (spin)
 *  calls   local, thread-safe.  cost about two slices */
void fz_projector_tangents(const fz_projector *p, const fz_frequencies *f, const fz_rotation *a, const fz_tangents *t);

/** Scatter a slice into cells (any `over`): the transpose of the interpolation above without deconvolution.
 *  table is the kernel's (fz_kb_fill_table).  shape cell [cube->cells][2] / [cube->cells].  safe on distinct cells */
void fz_insert_complex(const fz_cube *cube, const fz_real *table, const fz_frequencies *f, const fz_rotation *a,
                       const fz_real *re, const fz_real *im, fz_real *cell);
void fz_insert_real(const fz_cube *cube, const fz_real *table, const fz_frequencies *f, const fz_rotation *a,
                    const fz_real *value, fz_real *cell);

/** The same three at the points of rings up to the projector's kmax + 1.  shape re, im, value [n_rings][n_angles/2] */
void fz_projector_rings(const fz_projector *p, const fz_rings *rings, const fz_rotation *a, fz_real *re, fz_real *im);
void fz_insert_rings_complex(const fz_cube *cube, const fz_real *table, const fz_rings *rings, const fz_rotation *a,
                             const fz_real *re, const fz_real *im, fz_real *cell);
void fz_insert_rings_real(const fz_cube *cube, const fz_real *table, const fz_rings *rings, const fz_rotation *a,
                          const fz_real *value, fz_real *cell);

#endif
