//go:build !mutants

package mutant

// Planted tells whether this build can plant bugs.
const Planted = false

// On tells whether a bug is live: never in this build.
func On(Mutant) bool { return false }
