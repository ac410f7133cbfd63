package localday

import (
	"context"
	"fmt"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/operator/client"
)

// CutoverLimit is how long the switch may take to write the clearing files.
const CutoverLimit = 60 * time.Second

// ToldName is the file, in the folder of a run, with what its driver was told.
const ToldName = "told.jsonl"

// Day is a business day that a driver plays on a switch of its own, from the start of the daemons until the books are
// checked.
type Day struct {
	Local *daemons.Local
	Book  *day.Book                        // the driver's own
	Told  *clients.Told                    // what the driver was told
	Dir   string                           // of what is written down
	Step  func(format string, args ...any) // says what is being done
	// Answered waits until the issuer, which watches the clearing folder, has answered so many files in all. Where it is
	// nil the issuer watches nothing, and is handed each file.
	Answered func(ctx context.Context, files int) error

	// What came of it.
	Problems []string
	Drained  time.Duration // until the last capture had reached the issuer
	Cleared  []ClearingFile
	Audited  *AuditFigures // nil where the audit did not come to an end
}

// Wrong notes what is wrong. The work goes on where the next step still tells something.
func (d *Day) Wrong(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}

// Mismatches takes over what the driver found wrong in answers.
func (d *Day) Mismatches() {
	if n, examples := d.Book.Mismatches(); n > 0 {
		d.Wrong("%d answers were not as expected:", n)
		d.Problems = append(d.Problems, examples...)
	}
}

// Close ends the business day and holds the books against each other. With ahead tomorrow's date is
// closed, too.
func (d *Day) Close(ctx context.Context, ahead bool) {
	d.Step("waiting for the captures to reach the issuer")
	start := time.Now()
	if err := d.Local.AwaitDrained(ctx); err != nil {
		d.Wrong("store-and-forward: %v", err)
	} else {
		d.Drained = time.Since(start)
	}
	d.Step("closing the business day")
	ctxCut, cancel := context.WithTimeout(ctx, 2*CutoverLimit)
	defer cancel()
	if _, err := d.Local.Operator().Cutover(ctxCut, client.Cutover{Wait: CutoverLimit, Ahead: ahead}); err != nil {
		d.Wrong("cutover: %v", err)
		return
	}
	d.Step("checking the clearing files")
	d.clearing(ctx)
	d.Audit(ctx)
}
