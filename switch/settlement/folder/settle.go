package folder

import (
	"fmt"
	"slices"

	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// Options say what is settled.
type Options struct {
	FS       vfs.FS
	Clearing string // the clearing folder of a switch
	Incoming string // a folder of files of clearing systems; empty for none
	Plan     *settlement.Plan
	From, To workday.Date    // the period, both included
	Opening  *settlement.Run // the statements of the period before; nil: computed from the first date of the folder
	Merchant string          // the one whose statements are wanted; empty: all
}

// maxDays bounds a period, and what balances are computed from.
const maxDays = 36_600

// Settle makes the statements of a period.
func Settle(o Options) (*settlement.Run, error) {
	if o.From > o.To {
		return nil, fmt.Errorf("the period begins with %s, after its end %s", o.From, o.To)
	}
	c, err := openClearing(o.FS, o.Clearing)
	if err != nil {
		return nil, err
	}
	first := c.dates[0]
	if o.To-min(first, o.From) > maxDays {
		return nil, fmt.Errorf("%s to %s is more than %d days", min(first, o.From), o.To, maxDays)
	}
	if !slices.ContainsFunc(c.dates, func(d workday.Date) bool { return d >= o.From && d <= o.To }) {
		return nil, fmt.Errorf("%s: it has no files of %s to %s", o.Clearing, o.From, o.To)
	}
	asked := &asked{arns: map[string]bool{}}
	run, err := settle(&o, c, asked, nil)
	if err != nil || len(asked.arns) == 0 {
		return run, err
	}
	// Whether these were presented before is known once they are looked for from the first date on.
	if err := asked.find(c, o.To); err != nil {
		return nil, err
	}
	return settle(&o, c, nil, asked.arns)
}

// settle makes the statements of a period. known are acquirer references of which is kept what was presented before;
// asked is told of those of which it has to be, and is nil where all are known.
func settle(o *Options, c *clearingFolder, asked *asked, known map[string]bool) (*settlement.Run, error) {
	first := c.dates[0]
	s := settling{o: o, clearing: c, ledger: settlement.NewLedger(o.Plan), first: first, asked: asked}
	s.run = &settlement.Run{
		Version: settlement.RunVersion, From: o.From, To: o.To, Merchant: o.Merchant, Acquirer: o.Plan.Acquirer,
		PlanSHA256: o.Plan.SHA256, Opening: "none, as no date is before", Files: []settlement.File{},
		Incoming: []string{}, Received: []settlement.Received{}, Exceptions: []settlement.Exception{},
	}
	err := s.receive(known)
	if err != nil {
		return nil, err
	}
	if o.Opening != nil {
		err = s.restore()
	} else if first < o.From {
		s.run.Opening, s.counting = fmt.Sprintf("computed from %s", first), true
		err = s.days(first, o.From-1)
	}
	if err != nil {
		return nil, err
	}
	s.ledger.Begin()
	s.counting, s.inPeriod = true, true
	if err := s.days(o.From, o.To); err != nil {
		return nil, err
	}
	return s.run, s.finish()
}

type settling struct {
	o        *Options
	clearing *clearingFolder
	ledger   *settlement.Ledger
	run      *settlement.Run
	first    workday.Date // that the clearing folder has
	incoming map[workday.Date][]*incomingFile
	matcher  *matcher
	counting bool // the ledger is told; else it is looked what was presented, and what came of it
	inPeriod bool
	today    workday.Date
	ofToday  *sieve // acquirer references that stand in its files
	bare     []held // second presentments of ours without a reference of the issuer's that count since today
	asked    *asked // nil: what was presented before is known
}

// restore begins with the statements of the period before.
func (s *settling) restore() error {
	before := s.o.Opening
	if err := s.ledger.Restore(before, s.o.From); err != nil {
		return fmt.Errorf("the opening statements: %w", err)
	}
	if err := s.settledBefore(before); err != nil {
		return fmt.Errorf("the opening statements: %w", err)
	}
	s.run.Opening = fmt.Sprintf("statements of %s to %s", before.From, before.To)
	s.run.Mode = before.Mode
	s.run.Incoming = append(s.run.Incoming, before.Incoming...)
	if !s.matcher.asks() {
		return nil
	}
	return s.days(s.first, s.o.From-1)
}

// settledBefore tells whether the statements of a period were made of all files that its dates have by now.
func (s *settling) settledBefore(before *settlement.Run) error {
	settled := map[string]bool{}
	for i := range before.Files {
		settled[before.Files[i].Name] = true
	}
	for _, d := range s.clearing.dates {
		if d < before.From || d > before.To {
			continue
		}
		listed, err := s.clearing.list(d)
		if err != nil {
			return err
		}
		for i := range listed.files {
			if name := listed.files[i].name + ipmEnding; !settled[name] {
				return fmt.Errorf("files: %s of %s is not among them, and was never settled: make the statements of %s to %s again",
					name, d, before.From, before.To)
			}
		}
	}
	return nil
}

// days settles dates one after the other.
func (s *settling) days(from, to workday.Date) error {
	for d := from; d <= to; d++ {
		if err := s.day(d); err != nil {
			return err
		}
		if !s.counting {
			continue
		}
		if err := s.ledger.Close(d); err != nil {
			return err
		}
	}
	return nil
}

// day settles a date. Nothing says which of our files were made before which of those that came: so all of ours are
// read first, and what only counts since something came is counted as soon as that is known.
func (s *settling) day(d workday.Date) error {
	s.today = d
	if err := s.presented(d); err != nil {
		return err
	}
	for _, f := range s.incoming[d] {
		if err := s.came(f, d); err != nil {
			return err
		}
	}
	s.answerBare()
	return nil
}

// presented settles the clearing files of a date.
func (s *settling) presented(d workday.Date) error {
	if !s.clearing.has(d) {
		return s.none(d)
	}
	listed, err := s.clearing.list(d)
	if err != nil {
		return err
	}
	s.ofToday = newSieve(listed.presentments)
	files, err := s.clearing.read(listed, s.take)
	if err != nil {
		return err
	}
	for i := range files {
		if f := &files[i]; s.run.Mode == "" {
			s.run.Mode = f.Mode
		} else if s.run.Mode != f.Mode {
			return fmt.Errorf("%s of %s: its mode is %s, that of those before %s: test and production are not settled together",
				f.Name, d, f.Mode, s.run.Mode)
		}
	}
	if s.inPeriod {
		s.run.Files = append(s.run.Files, files...)
	}
	return nil
}

func (s *settling) take(p *settlement.Presented, r *clearing.Record, fileID string) error {
	if s.maybeAgain(p, r) {
		if err := s.ask(p, r, fileID); err != nil {
			return err
		}
	}
	waits, err := s.matcher.presented(p, r, fileID)
	switch {
	case err != nil:
		return err
	case waits:
		return s.hold(p, r, fileID)
	}
	if p.Second {
		s.noteBare(held{presented: *p, key: r.Key(), file: fileID, record: r.Number})
	}
	if !s.counting {
		return nil
	}
	return s.ledger.Present(p)
}

// none notes a date without files, where there should be some.
func (s *settling) none(d workday.Date) error {
	expects, err := s.o.Plan.Expects(d)
	if err != nil {
		return err
	}
	if expects && s.inPeriod {
		s.except(settlement.Exception{
			Kind: settlement.NoFiles, Date: d, Message: "there are no clearing files of this date",
		})
	}
	return nil
}

// finish makes the statements, proves that they add up, and keeps the merchant's that is wanted.
func (s *settling) finish() (err error) {
	run := s.run
	for _, h := range s.matcher.held {
		if h.inPeriod && h.waits {
			s.except(s.matcher.exception(h))
		}
	}
	if err := s.matcher.countTwice(); err != nil {
		return err
	}
	run.Statements = s.ledger.Statements()
	run.Received = s.matcher.sorted()
	if run.Proof, err = settlement.Proofs(run.Statements, run.Files, run.Received); err != nil || s.o.Merchant == "" {
		return err
	}
	run.Statements = slices.DeleteFunc(run.Statements, func(one settlement.Statement) bool {
		return one.Merchant != s.o.Merchant
	})
	if len(run.Statements) == 0 {
		return fmt.Errorf("merchant %q: nothing of it is in the files, and nothing stands from before", s.o.Merchant)
	}
	// What the others have is not for this one to read.
	run.Proof, run.Files, run.Exceptions = []settlement.Proof{}, []settlement.File{}, []settlement.Exception{}
	run.Incoming, run.Received = []string{}, []settlement.Received{}
	return nil
}
