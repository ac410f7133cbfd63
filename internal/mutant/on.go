//go:build mutants

package mutant

import "os"

// Planted tells whether this build can plant bugs.
const Planted = true

// Variable is the environment variable that names the live bug.
const Variable = "SWITCHYARD_MUTANT"

var live = Mutant(os.Getenv(Variable))

// On tells whether a bug is live.
func On(m Mutant) bool { return m == live }
