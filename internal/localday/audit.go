package localday

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"switchyard/internal/httpcall"
	"switchyard/switch/audit"
)

// AuditFigures are the counts of the audit.
type AuditFigures struct {
	Payments     int  `json:"payments"`
	Holdings     int  `json:"holdings"`
	Presentments int  `json:"presentments"`
	Told         int  `json:"told"` // answers that the driver was given
	Differences  int  `json:"differences"`
	InFlight     int  `json:"in_flight"`
	NotCleared   int  `json:"not_cleared"`
	Balanced     bool `json:"ledger_balanced"`
}

// Audit holds the switch's, the issuer's and the clearing files' account of each payment against each other.
func (d *Day) Audit(ctx context.Context) {
	d.Step("auditing the books")
	operator, control := d.Local.Operator(), d.Control()
	report, err := audit.Run(ctx, audit.Sources{
		Switch:         operator.OpenPayments,
		Authorizations: audit.Whole(control.Opener("/v1/authorizations", nil)),
		Ledger:         control.Opener("/v1/ledger", nil),
		Now:            operator.Now,
		Days:           operator.OpenDays,
		Rebuilt:        operator.OpenClearingCheck,
		Acts:           operator.OpenActs,
		Told:           d.Told.Books(),
		Files: func(context.Context) ([]audit.File, error) {
			return audit.Files(os.DirFS(d.Local.ClearingDir()))
		},
	}, audit.Options{})
	if err != nil {
		d.Wrong("audit: %v", err)
		return
	}
	d.Audited = &AuditFigures{
		Payments: report.Payments, Holdings: report.Holdings, Presentments: report.Presentments,
		Told: report.Told, Differences: report.DifferenceCount, InFlight: report.InFlight.Count,
		NotCleared: report.NotCleared.Count,
		Balanced:   report.Ledger != nil && report.Ledger.Balanced,
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		d.Wrong("audit: %v", err)
	}
	if err := os.WriteFile(filepath.Join(d.Dir, "audit.txt"), text.Bytes(), 0o600); err != nil {
		d.Wrong("audit: %v", err)
	}
	d.judge(report)
}

// judge says what of an audit is wrong after a day at whose end nothing is under way.
func (d *Day) judge(report *audit.Report) {
	const shown = 5
	if !report.Clean() {
		d.Wrong("audit: %d differences (all of them in %s):",
			report.DifferenceCount, filepath.Join(d.Dir, "audit.txt"))
		for _, diff := range report.Differences[:min(len(report.Differences), shown)] {
			d.Wrong("%s %s %s: %s", diff.Kind, diff.Payment, diff.RRN, diff.Detail)
		}
	}
	if !d.Audited.Balanced {
		d.Wrong("audit: the issuer's ledger does not balance")
	}
	if n := report.InFlight.Count + report.NotCleared.Count; n > 0 {
		d.Wrong("audit: %d operations are still in flight, %d not yet cleared",
			report.InFlight.Count, report.NotCleared.Count)
	}
	if report.Payments != d.Book.Payments() {
		d.Wrong("audit: the switch knows %d payments, %d were made", report.Payments, d.Book.Payments())
	}
}

// Control is the issuer's control HTTP.
func (d *Day) Control() httpcall.Port { return httpcall.Port{Addr: d.Local.Issuer.At.Control} }
