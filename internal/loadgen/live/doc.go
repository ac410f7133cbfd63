// Package live shows a load while it runs: redrawn in place on a terminal, as plain lines where there is none, and to
// Prometheus. It looks at a recorder now and then, and changes nothing about the run.
package live
