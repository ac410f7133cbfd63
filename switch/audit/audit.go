package audit

import (
	"context"
	"time"

	"switchyard/internal/money"
)

// Sources are the books. What is nil is not looked at, unless it says otherwise.
type Sources struct {
	// Switch is the journal's export, newline-delimited JSON, a payment a line. It is opened twice, and must be there.
	// With a range of business dates it holds each payment with a presentment in it, with one of payments these.
	Switch Open
	// Now is the switch's clock: what ages are measured by.
	Now func(ctx context.Context) (time.Time, error)
	// Days is the switch's list of business dates, a JSON array. It is read before Files. nil: a date with a file in the
	// folder counts as written, and nothing is known of how.
	Days Open
	// Authorizations is the issuer's book, newline-delimited JSON, an authorization, sale, refund or voice capture a line.
	// It must be there. With a range it is asked for what may belong to the payments of the range.
	Authorizations OpenRRNs
	// Ledger is the issuer's own sums, one JSON object.
	Ledger Open
	// Files lists the clearing files. It is called once, after Days was read, and must be there.
	Files func(ctx context.Context) ([]File, error)
	// Rebuilt tells of a written business date, YYYY-MM-DD, what its files are when they are made once more from the
	// journal: a JSON object whose `files` have `name`, `sha256` and `bytes`. It is asked only with Days, of dates that
	// have a file.
	Rebuilt OpenDate
	// Acts is the record of what operators did, newline-delimited JSON, an act a line.
	Acts Open
	// Told is what gateways were told, a book that the switch did not write: see [readTold] for its lines.
	Told []Open
}

// Run reads the books and compares them. Differences are in the report and no error; an error says that a book could
// not be read.
func Run(ctx context.Context, src Sources, opts Options) (*Report, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	a := &auditor{
		options: opts,
		totals:  totals{},
		rrns:    newRegister(referenceWindow),
		arns:    newRegister(referenceWindow),
		stans:   newRegister(stanWindow),
		keys:    newRegister(keyWindow),
		sources: map[string]recorded{},
		missing: map[missingKey]*missingFiles{},
		told:    newToldBook(),
		report:  newReport(opts),
	}
	if err := a.read(ctx, &src); err != nil {
		return nil, err
	}
	if err := readPayments(ctx, src.Switch, a.payment); err != nil {
		return nil, err
	}
	return a.finish(), nil
}

// read reads all that the payments are then held against.
func (a *auditor) read(ctx context.Context, src *Sources) (err error) {
	if a.first, err = readFirst(ctx, src.Switch, a.options.ranged(), a.told); err != nil {
		return err
	}
	if src.Now != nil {
		if a.now, err = src.Now(ctx); err != nil {
			return err
		}
	}
	if a.calendar, err = readDays(ctx, src.Days); err != nil {
		return err
	}
	if a.issuer, err = readIssuer(ctx, src.Authorizations, &a.options, a.first); err != nil {
		return err
	}
	if src.Ledger != nil {
		if a.report.Ledger, err = readLedger(ctx, src.Ledger); err != nil {
			return err
		}
	}
	if err = readActs(ctx, src.Acts, a.report); err != nil {
		return err
	}
	if err := a.told.read(ctx, src.Told, a.first); err != nil {
		return err
	}
	files, err := src.Files(ctx)
	if err != nil {
		return err
	}
	if a.files, err = readFiles(ctx, files, a.calendar, &a.options); err != nil {
		return err
	}
	if src.Rebuilt != nil {
		if err := a.rebuilt(ctx, src.Rebuilt); err != nil {
			return err
		}
	}
	a.written = a.files.dates
	if a.calendar.days != nil {
		a.written = map[string]bool{}
		for date, d := range a.calendar.days {
			a.written[date] = d.State == dayWritten
		}
		a.expectFiles()
	}
	return nil
}

// auditor holds the books while the journal streams past.
type auditor struct {
	options  Options
	now      time.Time     // the switch's; zero: not known
	first    *firstReading // of the journal
	calendar *calendar
	issuer   *issuerBook
	files    *clearingBook
	told     *toldBook
	written  map[string]bool // business dates with all their files
	missing  map[missingKey]*missingFiles

	rrns, arns, stans, keys *register

	sources map[string]recorded // the records of incoming files that are booked

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
	before, known := a.first.payments[p.id]
	if known {
		before.again = true
		a.first.payments[p.id] = before
	}
	p.Currency = money.Current(p.Currency) // as DE49 is read, and what the other books say
	c := &check{auditor: a, p: p}
	if fault := p.contradiction(); fault != "" {
		c.differ(History, nil, 0, "%s", fault)
		c.waiveIssuer()
		c.waiveFiles()
		c.waiveTold()
		return
	}
	c.names()
	c.rules()
	c.ages()
	if !known || before.version != p.Version {
		c.apart(&a.report.InFlight, &p.Ops[len(p.Ops)-1], "changed meanwhile")
		c.waiveTold()
		c.waiveIssuer()
		c.waiveFiles()
		return
	}
	switch open, parked, closed := p.unfinished(); {
	case parked != nil:
		c.differ(
			AdviceDenied, parked, parked.Amount, "%s was refused with code %q and waits for a person's decision", parked.Op,
			parked.ResponseCode,
		)
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
	c.compareTold()
}

// finish reports what nobody claimed, and the totals.
func (a *auditor) finish() *Report {
	a.unclaimedHoldings()
	a.unclaimedPresentments()
	a.missingFiles()
	a.unclaimedTold()
	a.overdueDates()
	for _, d := range a.files.wrong {
		a.report.differ(d)
	}
	if l := a.report.Ledger; l != nil {
		balanced := l.Balanced
		for currency, accounts := range l.Currencies {
			if !accounts.Balanced {
				balanced = true // said by currency
				a.report.differ(Difference{
					Kind: LedgerUnbalanced, Currency: currency, Detail: "the issuer's ledger does not balance in this currency",
				})
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
	a.report.Told = a.told.lines
	if a.options.ranged() {
		a.report.Outside = &Outside{Holdings: a.issuer.outside, Told: a.told.outside}
	}
	a.report.To = time.Now()
	return a.report
}
