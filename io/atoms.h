/* Atomic models from PDB files and from mmCIF files (the _atom_site loop); the kind is found from the content.
 *  kept     ATOM and HETATM records of the first model; alternate locations all, each with its occupancy
 *  left out hydrogen and deuterium, water (HOH, WAT, DOD, H2O), atoms with occupancy 0
 *  units    Angstrom; B-factors in square Angstrom
 *  source   wwPDB format 3.3, sections ATOM and MODEL; PDBx/mmCIF dictionary, category atom_site */
#ifndef FZ_IO_ATOMS_H
#define FZ_IO_ATOMS_H
#include "core/status.h"
#include "model/atoms.h"

/** Read a model.
 *  owns    atoms: the caller, fz_atoms_clear; cleared after a failure.  calls local
 *  fails   FZ_EINPUT naming file, line and field: unknown element, a coordinate that is no number, no atoms at all,
 *          an mmCIF loop without the columns it must have; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_atoms_read(const char *path, fz_atoms *atoms, fz_error *err);

#endif
