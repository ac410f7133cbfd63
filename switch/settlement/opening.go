package settlement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"switchyard/internal/workday"
)

// maxRun is the longest JSON of a run that ReadRun takes, in bytes.
const maxRun = 1 << 30

// ReadRun reads the JSON of a run strictly, and holds each statement to its own sums: what was changed by hand in one
// place is found.
func ReadRun(r io.Reader) (*Run, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxRun+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRun {
		return nil, fmt.Errorf("longer than %d bytes", maxRun)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	run := new(Run)
	if err := decoder.Decode(run); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("at byte %d: something follows the statement", decoder.InputOffset())
	}
	if run.Version != RunVersion {
		return nil, fmt.Errorf("version: %d: expected %d: make the statements of that period again", run.Version, RunVersion)
	}
	seen := map[Key]bool{}
	for i := range run.Statements {
		s := &run.Statements[i]
		key := Key{s.Merchant, s.Currency}
		err := s.check()
		if seen[key] {
			err = errors.New("it stands twice")
		}
		if err != nil {
			return nil, fmt.Errorf("statement of %q in %q: %w", s.Merchant, s.Currency, err)
		}
		seen[key] = true
	}
	return run, nil
}

// check holds a statement to its own sums.
func (s *Statement) check() error {
	if err := isCurrency(s.Currency); err != nil {
		return fmt.Errorf("currency: %w", err)
	}
	proofs, err := Proofs([]Statement{*s}, nil, nil)
	if err != nil {
		return err
	}
	p := &proofs[0]
	t := &p.Totals
	p.FilesDebitMinor = t.presented()
	p.Received.Files = Moved{
		RejectedMinor: t.RejectedMinor, ChargebacksMinor: t.ChargebacksMinor, PassedMinor: t.FeePassedMinor,
		InterchangeMinor: t.FeeInterchangeMinor,
	}
	if !p.holds() || p.Totals != s.Totals || p.ReserveMinor != s.ReserveMinor || s.CarriedForwardMinor > 0 {
		return errors.New("its sums do not add up")
	}
	for _, t := range s.Reserve {
		if t.Minor <= 0 {
			return fmt.Errorf("reserve: minor: %d: expected a positive amount", t.Minor)
		}
	}
	return nil
}

// Restore begins with what the statements of the period before ended with.
func (l *Ledger) Restore(before *Run, from workday.Date) error {
	switch {
	case before.Merchant != "":
		return fmt.Errorf("it is of the merchant %q alone: expected one of all", before.Merchant)
	case before.To+1 != from:
		return fmt.Errorf("to: %s: expected %s, the day before this period", before.To, from-1)
	}
	for i := range before.Statements {
		s := before.Statements[i]
		a, err := l.account(Key{s.Merchant, s.Currency})
		if err != nil {
			return err
		}
		a.Statement = s
	}
	return nil
}
