/* Spectra of noise and signal, by optics group and shell: what images, maps and their agreement say of them.
 *  Nothing here can run away: the noise is tied to the background and to the power of the images, the signal to the
 *  agreement of half-maps, and neither is a difference that the other one enters.
 *  units   power per orthonormal coefficient of an image (noise), per slice coefficient of the map (signal) */
#ifndef FZ_ESTEP_SPECTRA_H
#define FZ_ESTEP_SPECTRA_H
#include "estep/dataset.h"
#include "estep/statistics.h"

/** From the scan (background, power, ctf2, group_images): noise, sigma2 without annealing, signal_tau2.  calls local */
void fz_spectra_begin(fz_dataset *data);

/** The noise again, once a map was scored.
 *  maths   two witnesses: the background b, and r, what is left of the images when the map is taken away:
 *            r(s) = sum_i,j gamma |x - c S P V|^2 / (share (n_s N - freedom of the map in the shell))
 *          or, where no map was scored, all of their power.  r is never below the noise but holds what the map does not
 *          explain, at most the signal S = power/share - b.  So r is believed where there is little of that:
 *            noise = (b S^2 + r e^2) / (S^2 + e^2),   e = b/10,
 *          which errs by less than b/20, whatever the map
 *  words   of the layout, the sum over both half-sets; scored to shell `reach` (exclusive)
 *  calls   local */
void fz_spectra_update_noise(fz_dataset *data, const fz_statistics_layout *l, const int64_t *words,
                             const double *shell_weight, int reach);

/** The signal, from the half-maps of one pass.
 *  maths   a half-map is w V + noise of its own, w = A t/(1 + A t), A = sum over its images c^2/sigma2 / (2 s), t the
 *          prior's variance.  Where A t > 4, tau2 = <V1, V2> / w^2, elsewhere inside F/(1 - F)/A, F their correlation
 * and inside the share of the box that maps fill; at least 0.02 inside/A.  Beyond the band the spectrum goes on as it
 *          ends there, not rising, and not above what the power of the images has room for
 *  shape   cross [kmax + 1] mean product of the half-maps' slice coefficients by shell; the prior that the M-steps of
 *          that pass had is that of `data`
 *  calls   local */
void fz_spectra_update_signal(fz_dataset *data, const double *cross, const double *fsc, int kmax);

/** How the sum of the gains changes when sigma2 does, from `before` [n_groups][n_shells] to that of `data`, poses and
 * map held; words, shell_weight as above, scored with `before`. maths   sum_s 1/2 (P(s) - R(s)) (before/sigma2 - 1),  P
 * the power of the images and R what is left of it, over before calls   local */
double fz_spectra_gain_change(const fz_dataset *data, const fz_statistics_layout *l, const int64_t *words,
                              const double *shell_weight, const double *before);

/** sigma2 = noise + f (power/share - noise), at least a hundredth of the power, which is what slices and grids of
 *  poses leave unexplained of any image.  calls local */
void fz_spectra_anneal(fz_dataset *data, double f);

/** How much annealing a climb to kmax needs: none when an image whose pose is known gains less than 40 nats there, so
 *  that its posterior is broad anyway, and 1 above 80.
 *  maths   gain = sum_s pi s share S(s)/noise(s);  at f = 1 a coefficient gains less than half a nat.  calls local */
double fz_spectra_annealing(const fz_dataset *data, int kmax);
/** f after a pass of the refinement: a quarter, or 0 where that is less than a twentieth of the noise everywhere */
double fz_spectra_cool(const fz_dataset *data, double f);

/** Passes that annealing from f takes until it is 0. */
int fz_spectra_annealed_passes(const fz_dataset *data, double f);

/** tau2 of any shell, also beyond the box. */
double fz_spectra_prior(const fz_dataset *data, int shell);

/** The last shell that so many images can fill, were their poses known: a map from all of them then still has an FSC of
 *  0.5 with the truth (0.143 between halves), that is a signal-to-noise ratio of 1/3.
 *  maths   ratio(s) = tau2(s) sum_images c^2/sigma2 / (2 s): a shell of 4 pi s^2 coefficients gets 2 pi s from an image
 *          first shell below 1/3; spectra know tau2 to a few thousandths of sigma2 only, so with very many images the
 *          answer is too low.  calls local, after fz_spectra_begin */
int fz_spectra_reach(const fz_dataset *data);

#endif
