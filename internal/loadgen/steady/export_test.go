package steady

import (
	"context"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/record"
)

// RunLocal is Run with daemons that a test has started.
func RunLocal(ctx context.Context, o Options, local *daemons.Local) (*record.Run, error) {
	return o.run(ctx, local)
}
