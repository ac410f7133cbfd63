package audit

import (
	"context"
	"time"
)

// Sources are the three books.
type Sources struct {
	// Switch is the journal's export, newline-delimited JSON, a payment a line. It is opened twice.
	Switch Open
	// Authorizations is the issuer's book in the same form, an authorization, sale, refund or voice capture a line.
	Authorizations Open
	// Ledger is the issuer's own sums, one JSON object. nil: they are not looked at.
	Ledger Open
	// Files lists the clearing files. It is called once, after Written.
	Files func(ctx context.Context) ([]File, error)
	// Written lists the business dates (YYYY-MM-DD) that the switch says have all their files. nil: those that have one.
	Written func(ctx context.Context) ([]string, error)
}

// Options are what an audit goes by.
type Options struct {
	// Acquirer is the acquirer id (DE32) whose lines of the issuer's book are compared. Default "": all lines.
	Acquirer string
	// Limit is how many differences, and items of each list apart, a report holds; all are counted. Default 1000.
	Limit int
}

const defaultLimit = 1000

// Run reads the books and compares them. Differences are in the report and no error; an error says that a book could
// not be read.
func Run(ctx context.Context, src Sources, opts Options) (*Report, error) {
	if opts.Limit <= 0 {
		opts.Limit = defaultLimit
	}
	a := &auditor{
		totals: totals{},
		rrns:   newRegister(referenceWindow),
		arns:   newRegister(referenceWindow),
		stans:  newRegister(stanWindow),
		keys:   newRegister(keyWindow),
		report: newReport(opts.Limit),
	}
	var err error
	if a.versions, err = readVersions(ctx, src.Switch); err != nil {
		return nil, err
	}
	var written []string
	if src.Written != nil {
		if written, err = src.Written(ctx); err != nil {
			return nil, err
		}
	}
	if a.issuer, err = readIssuer(ctx, src.Authorizations, opts.Acquirer); err != nil {
		return nil, err
	}
	if src.Ledger != nil {
		if a.report.Ledger, err = readLedger(ctx, src.Ledger); err != nil {
			return nil, err
		}
	}
	files, err := src.Files(ctx)
	if err != nil {
		return nil, err
	}
	if a.files, err = readFiles(ctx, files); err != nil {
		return nil, err
	}
	a.written = a.files.dates
	if src.Written != nil {
		a.written = map[string]bool{}
		for _, date := range written {
			a.written[date] = true
		}
	}
	if err := readPayments(ctx, src.Switch, a.payment); err != nil {
		return nil, err
	}
	return a.finish(), nil
}

// auditor holds the books while the journal streams past.
type auditor struct {
	versions map[paymentID]uint64 // of the first reading
	issuer   *issuerBook
	files    *clearingBook
	written  map[string]bool // business dates with all their files

	rrns, arns, stans, keys *register

	totals totals
	report *Report
}

// check is the audit of one payment.
type check struct {
	*auditor
	p       *entry
	counted bool // its money goes into the totals: it is not apart
}

// payment audits one payment of the journal.
func (a *auditor) payment(p *entry) {
	a.report.Payments++
	c := &check{auditor: a, p: p}
	if fault := p.contradiction(); fault != "" {
		c.differ(History, nil, 0, "%s", fault)
		c.waiveIssuer()
		c.waiveFiles()
		return
	}
	c.names()
	c.rules()
	if before, known := a.versions[p.id]; !known || before != p.Version {
		c.apart(&a.report.InFlight, &p.Ops[len(p.Ops)-1], "changed meanwhile")
		c.waiveIssuer()
		c.waiveFiles()
		return
	}
	switch open, parked, closed := p.unfinished(); {
	case parked != nil:
		c.differ(AdviceDenied, parked, parked.Amount, "%s was refused with code %q and waits for a person's decision", parked.Op, parked.ResponseCode)
		c.waiveIssuer()
	case open != nil:
		c.apart(&a.report.InFlight, open, open.State)
		c.waiveIssuer()
	case closed != nil:
		c.apart(&a.report.Decided, closed, closed.State)
		c.waiveIssuer()
	default:
		c.counted = true
		c.compareIssuer()
	}
	c.compareFiles()
}

// finish reports what nobody claimed, and the totals.
func (a *auditor) finish() *Report {
	a.unclaimedHoldings()
	a.unclaimedPresentments()
	for _, d := range a.files.wrong {
		a.report.differ(d)
	}
	if l := a.report.Ledger; l != nil {
		balanced := l.Balanced
		for currency, accounts := range l.Currencies {
			if !accounts.Balanced {
				balanced = true // said by currency
				a.report.differ(Difference{Kind: LedgerUnbalanced, Currency: currency, Detail: "the issuer's ledger does not balance in this currency"})
			}
		}
		if !balanced {
			a.report.differ(Difference{Kind: LedgerUnbalanced, Detail: "the issuer says that its ledger does not balance"})
		}
	}
	if a.report.Clean() {
		if d, found := a.totals.disagree(); found {
			a.report.differ(d)
		}
	}
	a.report.Totals = a.totals.report()
	a.report.Holdings = len(a.issuer.byRRN) + len(a.issuer.twice)
	a.report.Files = len(a.files.files)
	a.report.Presentments = a.files.count
	a.report.To = time.Now()
	return a.report
}
